"""What is shown of a message: an embed of any size, before Discord's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class EmbedField:
    """A name with a value; both are Markdown."""

    name: str
    value: str
    inline: bool = True

    def size(self) -> int:
        """Return the characters that count against the total."""
        return length(self.name) + length(self.value)


@dataclass(frozen=True)
class Embed:
    """One embed, of any size; `fit` makes it one that Discord takes.

    Attributes:
        is_alert: whether somebody must look: a failure, a warning, an alarm.
        incidents: what the message is one of several about; the later ones edit the post of the first. An alert is
            posted, and not only shown by an edit, once for the first incident.
        closes: whether it is the last of its incidents.
        since: when its incident began; None if that is not shown.
        full: all of the message, for an attachment if the embed had to be cut; empty: the embed's own text.
        attach: whether it is attached even if nothing had to be cut.
    """

    title: str
    color: int
    description: str = ""
    fields: Sequence[EmbedField] = ()
    footer: str = ""
    timestamp: datetime | None = None
    url: str = ""
    is_alert: bool = False
    incidents: tuple[str, ...] = ()
    closes: bool = False
    since: datetime | None = None
    full: str = ""
    attach: bool = False

    def size(self) -> int:
        """Return the characters that count against the total."""
        return length(self.title + self.description + self.footer) + sum(field.size() for field in self.fields)

    def text(self) -> str:
        """Return the embed as plain Markdown."""
        fields = (f"{field.name}: {field.value}" for field in self.fields)
        return "\n".join(filter(None, (self.title, self.description, *fields, self.footer)))

    def payload(self) -> dict[str, Any]:
        """Return the embed as Discord's API has it."""
        payload: dict[str, Any] = {"title": self.title, "color": self.color}
        if self.description:
            payload["description"] = self.description
        if self.fields:
            payload["fields"] = [{"name": f.name, "value": f.value, "inline": f.inline} for f in self.fields]
        if self.footer:
            payload["footer"] = {"text": self.footer}
        if self.timestamp:
            payload["timestamp"] = self.timestamp.isoformat()
        if self.url:
            payload["url"] = self.url
        return payload


def length(text: str) -> int:
    """Return the length as Discord may count it at the most: in UTF-16 units, two for an astral character."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
