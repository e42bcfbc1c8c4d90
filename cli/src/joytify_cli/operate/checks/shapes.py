"""The shape of each key of the secret."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from joytify_cli.terminal import find_zone
from joytify_common.secrets import SCHEDULE_MODES

SET_KEY = "set this key with `joytify secret set KEY` (docs/deploy.md, Change a secret value)"


def is_right(key: str, value: object) -> bool:
    """Return whether a non-empty value has the shape of its key; an unknown key allows any text."""
    shape, _ = SHAPES.get(key, (lambda _: True, ""))
    try:
        return isinstance(value, str) and shape(value)
    except ValueError:
        # An address with brackets that do not enclose an IPv6 address.
        return False


def _is_connection_string(value: str) -> bool:
    if value.startswith("mongodb+srv://"):
        # Parsing it would query DNS, which the check of MongoDB does anyway.
        return bool(urlsplit(value).hostname)
    try:
        parse_uri(value)
    except (PyMongoError, ValueError):
        return False
    return True


def _is_url(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_private_host(host: str) -> bool:
    """Return whether a host is a private address, or a name without a domain, as in a container network."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host


def _is_webhook(value: str) -> bool:
    """Return whether it is the URL of a Discord webhook, or of a stand-in on a private network or this machine."""
    parts = urlsplit(value)
    host = (parts.hostname or "").lower()
    is_discord = parts.scheme == "https" and re.fullmatch(r"([a-z]+\.)?discord(app)?\.com", host) is not None
    is_local = parts.scheme == "http" and _is_private_host(host)
    return (is_discord or is_local) and re.search(r"/api/(v\d+/)?webhooks/\d+/[\w-]+/?$", parts.path) is not None


WEBHOOK = "the address of a Discord webhook (https://discord.com/api/webhooks/ID/TOKEN)"
SHAPES: dict[str, tuple[Callable[[str], bool], str]] = {
    "MONGODB_CONNECTION_STRING": (_is_connection_string, "a connection string (mongodb:// or mongodb+srv://)"),
    "API_DOMAIN": (_is_url, "a URL (https://...)"),
    "API_INTERNAL_SECRET_KEY": (lambda value: value == value.strip(), "text without leading or trailing spaces"),
    "DISCORD_WEBHOOK_URL": (_is_webhook, WEBHOOK),
    "DISCORD_ALERTS_WEBHOOK_URL": (_is_webhook, WEBHOOK),
    "DISCORD_THREAD_ID": (str.isdigit, "the id of a thread, in digits"),
    "DISCORD_TIMEZONE": (lambda value: find_zone(value) is not None, "an IANA time zone such as Asia/Taipei"),
    "SCHEDULE_MODE": (lambda value: value in SCHEDULE_MODES, f"one of {', '.join(SCHEDULE_MODES)}"),
}
