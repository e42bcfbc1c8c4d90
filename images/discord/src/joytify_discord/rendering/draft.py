"""The output of a renderer: plain text, not yet Discord's Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joytify_discord.embed import NO_INCIDENT, Incident
from joytify_discord.rendering.pretty import pretty
from joytify_discord.rendering.severity_levels import FAILURE, WARNING, Severity
from joytify_discord.rendering.text import Text

MAX_LISTED = 10


@dataclass(frozen=True)
class DraftField:
    """A name with a value."""

    name: str
    value: Text
    inline: bool = True


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A rendered message; `embed.Embed` describes the fields that both classes have.

    Attributes:
        account: AWS account that the message is about; empty for the topic's account.
        region: AWS region that the message is about; empty for the topic's region.
    """

    severity: Severity
    title: str
    description: Text = ""
    fields: Sequence[DraftField] = ()
    footer: str = ""
    timestamp: datetime | None = None
    url: str = ""
    incident: Incident = NO_INCIDENT
    account: str = ""
    region: str = ""
    full: str = ""
    attach: bool = False

    @property
    def heading(self) -> str:
        """The title, preceded by the symbol of its severity."""
        return f"{self.severity.symbol} {self.title}"

    @property
    def is_alert(self) -> bool:
        """Whether somebody must look."""
        return self.severity in {FAILURE, WARNING}


def json_draft(value: dict[str, Any], severity: Severity, title: str, **more: Any) -> Draft:  # noqa: ANN401 - fields of a draft
    """Return the draft for a JSON message."""
    return Draft(
        severity=severity,
        title=title,
        full=pretty(value),
        **more,
    )


def listed(entries: Sequence[str]) -> str:
    """Return the first entries, one per line, and the number of further entries."""
    more = f"\nand {len(entries) - MAX_LISTED} more" if len(entries) > MAX_LISTED else ""
    return "\n".join(entries[:MAX_LISTED]) + more
