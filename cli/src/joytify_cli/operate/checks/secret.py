"""Checks of the account and of the secret: that every key is there and has the right shape; never its value."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from joytify_cli.operate.findings import Check, Finding
from joytify_cli.terminal import find_zone
from joytify_common.secrets import KEYS, SCHEDULE_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from joytify_cli.operate.checks.context import Context

# Never a part of it alone: what is put replaces all of the secret.
PUT = "put the whole secret again with this key (docs/deploy.md, Change a secret value)"


def checks(context: Context) -> list[Check]:
    """Return the checks of the account and the secret."""
    credentials = "see AWS_PROFILE, AWS_REGION and `aws sts get-caller-identity`"
    return [
        Check("aws", lambda: _identity(context), credentials),
        Check("secret", lambda: _secret(context), "see whether it exists and who may read it (docs/deploy.md)"),
    ]


def _identity(context: Context) -> Iterator[Finding]:
    identity, target = context.identity, context.target
    yield Finding("aws", "ok", f"{identity['Arn']} in {target.region}, {target.place}")


def _secret(context: Context) -> Iterator[Finding]:
    values = context.secret
    faults = [*_missing(values), *_malformed(values), *_unknown(values)]
    yield from faults
    if not any(fault.status == "wrong" for fault in faults):
        yield Finding("secret", "ok", f"{context.target.secret_id}: every key is there and has the right shape")
    if values.get("SCHEDULE_MODE") == "test_auto":
        yield Finding(
            "secret", "note", "SCHEDULE_MODE is test_auto: production is not run", "joytify schedule set production"
        )


def _missing(values: Mapping[str, Any]) -> Iterator[Finding]:
    for key, known in KEYS.items():
        if known.is_required and not values.get(key):
            yield Finding("secret", "wrong", f"{key} is missing ({known.holds})", PUT)


def _malformed(values: Mapping[str, Any]) -> Iterator[Finding]:
    for key, (is_right, expected) in SHAPES.items():
        value = values.get(key)
        if value in {None, ""}:
            continue
        if not isinstance(value, str) or not is_right(value):
            yield Finding("secret", "wrong", f"{key} is not {expected}", PUT)


def _unknown(values: Mapping[str, Any]) -> Iterator[Finding]:
    for key in values.keys() - KEYS.keys():
        close = get_close_matches(key, KEYS, 1)
        meant = f"is {close[0]} meant?" if close else "other programs may read it"
        yield Finding("secret", "note", f"no function reads the key {key}: {meant}")


def _is_connection_string(value: str) -> bool:
    if value.startswith("mongodb+srv://"):
        # To parse it means to ask the name servers; the check of MongoDB does.
        return bool(urlsplit(value).hostname)
    try:
        parse_uri(value)
    except (PyMongoError, ValueError):
        return False
    return True


def _is_url(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_webhook(value: str) -> bool:
    return _is_url(value) and re.search(r"/api/(v\d+/)?webhooks/\d+/[\w-]+/?$", urlsplit(value).path) is not None


WEBHOOK = "the address of a Discord webhook (https://discord.com/api/webhooks/ID/TOKEN)"
SHAPES: dict[str, tuple[Callable[[str], bool], str]] = {
    "MONGODB_CONNECTION_STRING": (_is_connection_string, "a connection string (mongodb:// or mongodb+srv://)"),
    "API_DOMAIN": (_is_url, "a URL (https://...)"),
    "API_INTERNAL_SECRET_KEY": (lambda value: value == value.strip(), "a text without spaces round it"),
    "DISCORD_WEBHOOK_URL": (_is_webhook, WEBHOOK),
    "DISCORD_ALERTS_WEBHOOK_URL": (_is_webhook, WEBHOOK),
    "DISCORD_THREAD_ID": (str.isdigit, "the id of a thread, in digits"),
    "DISCORD_TIMEZONE": (lambda value: find_zone(value) is not None, "an IANA time zone (Asia/Taipei)"),
    "SCHEDULE_MODE": (lambda value: value in SCHEDULE_MODES, f"one of {', '.join(SCHEDULE_MODES)}"),
}
