"""Checks of the backend and of Discord's webhooks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.findings import Check, Finding
from joytify_common.deadline import Deadline
from joytify_common.http_answers import send
from joytify_discord.embed import Embed
from joytify_discord.limits import payloads
from joytify_discord.webhook import Webhook
from joytify_stats.backend import Backend

SECONDS = 15.0
# Discord limits the rate for a second or two.
LIMITED_TRIES = 4
NEW_WEBHOOK = "make a webhook in Discord (channel, Integrations) and put its address into the secret"
AGAIN = "try again in a minute"
HELLO, BLUE = "This is where the pipeline's messages arrive.", 0x3498DB


def checks(context: Context) -> list[Check]:
    """Return the checks of what the functions call beside AWS and MongoDB."""
    key = "compare API_DOMAIN and API_INTERNAL_SECRET_KEY with the backend's own settings, and see its log"
    return [
        Check("backend", lambda: _backend(context), key),
        Check("discord", lambda: _webhook(context, "DISCORD_WEBHOOK_URL"), NEW_WEBHOOK),
        Check("discord", lambda: _alerts(context), NEW_WEBHOOK),
    ]


def _backend(context: Context) -> Iterator[Finding]:
    domain, key = context.address("API_DOMAIN"), context.value("API_INTERNAL_SECRET_KEY")
    # To nobody: the backend answers as to any push.
    Backend(domain.get_secret_value(), key).push([], Deadline(time.monotonic() + SECONDS))
    address = urlsplit(context.text("API_DOMAIN", ""))
    shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
    yield Finding("backend", "ok", f"{shown} takes the key (an empty push)")
    if address.scheme == "http" and context.target.stack is None:
        yield Finding("backend", "note", "API_DOMAIN begins with http://: the key is sent in clear", "use https://")


def _alerts(context: Context) -> Iterator[Finding]:
    if context.text("DISCORD_ALERTS_WEBHOOK_URL", ""):
        yield from _webhook(context, "DISCORD_ALERTS_WEBHOOK_URL")


def _webhook(context: Context, key: str) -> Iterator[Finding]:
    url = context.address(key)
    try:
        for _ in range(LIMITED_TRIES):
            answer = send("GET", url.get_secret_value(), SECONDS, {})
            if answer.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(1)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        # The address is a secret, and httpx quotes it.
        yield Finding("discord", "wrong", f"{key}: Discord could not be reached ({type(exc).__name__})", AGAIN)
        return
    is_posted = context.post and (answer.is_success or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS)
    if is_posted:
        # As the function posts: it waits where Discord limits the rate.
        (hello,) = payloads([Embed("joytify doctor --post", BLUE, HELLO)])
        Webhook(url, key).post(hello, Deadline(time.monotonic() + SECONDS))
    yield _state(answer, key, posted=is_posted)


def _state(answer: httpx.Response, key: str, *, posted: bool) -> Finding:
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS and not posted:
        return Finding("discord", "note", f"{key}: Discord limits the rate just now (429)", AGAIN)
    if not answer.is_success and not posted:
        return Finding("discord", "wrong", f"{key}: Discord answered {answer.status_code}", NEW_WEBHOOK)
    done = "a message was posted" if posted else "nothing was posted; --post does"
    return Finding("discord", "ok", f"{key}: the webhook {_name(answer)} is alive ({done})")


def _name(answer: httpx.Response) -> str:
    try:
        return repr(str(answer.json()["name"]))
    except (ValueError, KeyError, TypeError):
        return "(without a name)"
