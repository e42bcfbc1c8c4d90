"""Anything of a kind that is not known: objects as fields, all else as it came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from joytify_discord.embed import Embed
from joytify_discord.limits import cut
from joytify_discord.rendering.style import INFORMATION, WARNING
from joytify_discord.rendering.text import escape
from joytify_discord.rendering.values import flatten_fields

if TYPE_CHECKING:
    from joytify_discord.parsing import Origin

# Keys whose value may serve as a title, best first.
TITLES = ("title", "Title", "subject", "Subject", "summary", "name", "event", "message", "Message")

LONGEST_TITLE = 60


def unknown(text: str, value: object, origin: Origin) -> Embed:
    """Return the embed for a message of an unknown kind.

    Args:
        text: the message as it came.
        value: the JSON in it, or None.
        origin: where it comes from.
    """
    # AWS Budgets writes to people: its warnings are plain text.
    severity = WARNING if text.startswith("AWS Budget Notification") else INFORMATION
    fields = list(flatten_fields(value)) if isinstance(value, dict) and value else []
    title = origin.subject or _title(text, value)
    shown = "" if fields else _shown(text, value).strip() or "(empty message)"
    return Embed(
        title=f"{severity.symbol} {escape(title) or 'Message'}",
        color=severity.color,
        # A text that is all title is not said twice.
        description="" if shown == title else escape(shown),
        fields=fields,
        footer="a message of a kind that is not known, shown as it came" if fields else "",
        is_alert=severity is WARNING,
        full=_shown(text, value),
    )


def _shown(text: str, value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, (dict, list)) else text


def _title(text: str, value: object) -> str:
    if isinstance(value, dict):
        return next((value[key] for key in TITLES if isinstance(value.get(key), str) and value[key].strip()), "")
    if value is not None:
        return ""
    # Plain text: what of its first line is read at a glance.
    return cut(text.strip().partition("\n")[0].strip(), LONGEST_TITLE)
