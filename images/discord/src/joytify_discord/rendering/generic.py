"""Anything of a kind that is not known: shown as it came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from joytify_discord.limits import Embed
from joytify_discord.rendering.style import INFORMATION
from joytify_discord.rendering.text import escape

if TYPE_CHECKING:
    from joytify_discord.parsing import Origin, Unknown


def unknown(message: Unknown, origin: Origin) -> Embed:
    """Return the embed for a message of an unknown kind."""
    text = message.text
    if isinstance(message.value, (dict, list)):
        text = json.dumps(message.value, indent=2, ensure_ascii=False)
    return Embed(
        title=f"{INFORMATION.symbol} {escape(origin.subject) or 'Message'}",
        color=INFORMATION.color,
        description=escape(text) or "(empty message)",
        footer="a message of a kind that is not known, shown as it came",
    )
