"""Checks of the backend and of Discord's webhooks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.findings import Finding
from joytify_common.deadline import Deadline
from joytify_common.errors import JobError, TransientError
from joytify_discord.embed import INFORMATION, Embed
from joytify_discord.limits import payloads
from joytify_discord.webhook import Webhook
from joytify_stats.backend import Backend

SECONDS = 15.0
NEW_WEBHOOK = "create a webhook in Discord (channel, Integrations), then joytify secret set"
NEW_THREAD = "copy the id of a thread of the webhook's channel into DISCORD_THREAD_ID"
URL, ALERTS_URL = "DISCORD_WEBHOOK_URL", "DISCORD_ALERTS_WEBHOOK_URL"
HELLO = "This is where the pipeline's messages arrive."


def _backend(context: Context) -> Iterator[Finding]:
    domain, key = context.address("API_DOMAIN"), context.value("API_INTERNAL_SECRET_KEY")
    try:
        # The backend answers an empty push like any other push.
        Backend(domain.get_secret_value(), key).push([], Deadline(time.monotonic() + SECONDS))
    except TransientError as exc:
        yield Finding("wrong", str(exc), "check that the backend is running, and see its log")
        return
    address = urlsplit(context.text("API_DOMAIN", ""))
    shown = f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
    yield Finding("ok", f"{shown} accepts the key (tried with an empty push)")
    if address.scheme == "http" and context.target.stack is None:
        yield Finding("note", "API_DOMAIN begins with http://: the key is not encrypted", "use https://")


def _alerts(context: Context) -> Iterator[Finding]:
    """Check the alerts' webhook or thread, if the secret sets an alerts webhook or a thread."""
    own, thread = context.text(ALERTS_URL, ""), context.text("DISCORD_THREAD_ID", "")
    if own or thread:
        yield from _webhook(context, ALERTS_URL if own else URL, thread)


def _webhook(context: Context, key: str, thread: str = "") -> Iterator[Finding]:
    webhook = Webhook(context.address(key), key, thread)
    where = f"{key}, thread {thread}" if thread else key
    renew = f"{NEW_WEBHOOK} {key}{context.target.flags}"
    try:
        name = webhook.check()
        if context.post:
            # The webhook exists, so only its thread can be at fault.
            renew = NEW_THREAD if thread else renew
            (hello,) = payloads([Embed(severity=INFORMATION, title="joytify doctor --post", description=HELLO)])
            webhook.post(hello, Deadline(time.monotonic() + SECONDS))
    except TransientError as exc:
        yield Finding("wrong", f"{where}: {_without_key(exc, key)}", "try again in a minute")
    except JobError as exc:
        yield Finding("wrong", f"{where}: {_without_key(exc, key)}", renew)
    else:
        not_posted = f"nothing was posted{', so the thread is not checked' if thread else ''}; --post posts a message"
        done = "a message was posted" if context.post else not_posted
        yield Finding("ok", f"{where}: Discord knows the webhook {name!r} ({done})")


def _without_key(exc: JobError, key: str) -> str:
    return str(exc).removeprefix(f"{key}: ")


CHECKS = (
    Check(
        "backend",
        _backend,
        "compare API_DOMAIN and API_INTERNAL_SECRET_KEY with the backend's own settings, and see its log",
    ),
    Check("discord", partial(_webhook, key=URL), NEW_WEBHOOK),
    Check("discord", _alerts, NEW_WEBHOOK),
)
