"""The output of a renderer: an embed in plain text, not yet in Discord's Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from joytify_discord.embed import Embed, Field, Severity
from joytify_discord.rendering.pretty import pretty
from joytify_discord.rendering.text import Text

Draft = Embed[Text]
DraftField = Field[Text]

MAX_LISTED = 10


def json_draft(value: dict[str, Any], severity: Severity, title: str, **more: Any) -> Draft:  # noqa: ANN401 - fields of a draft
    """Return the draft for a JSON message."""
    return Draft(severity=severity, title=title, full=pretty(value), **more)


def listed(entries: Sequence[str]) -> str:
    """Return the first entries, one per line, and the number of further entries."""
    more = f"\nand {len(entries) - MAX_LISTED} more" if len(entries) > MAX_LISTED else ""
    return "\n".join(entries[:MAX_LISTED]) + more
