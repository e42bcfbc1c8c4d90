"""The output of a renderer: an embed in plain text, not yet in Discord's Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from joytify_discord.embed import Embed, Field
from joytify_discord.rendering.text import Text

Draft = Embed[Text]
DraftField = Field[Text]

MAX_LISTED = 10


def listed(entries: Sequence[str], joint: str = "\n") -> str:
    """Return the first entries, by default one per line, and the number of further entries."""
    more = f"{joint}and {len(entries) - MAX_LISTED} more" if len(entries) > MAX_LISTED else ""
    return joint.join(entries[:MAX_LISTED]) + more
