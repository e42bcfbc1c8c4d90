"""The embed that shows a message, of any size; `limits` applies Discord's limits."""

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
        """Return the number of characters that count towards Discord's total."""
        return length(self.name) + length(self.value)


@dataclass(frozen=True)
class Incident:
    """The incidents of a message: groups of messages that share one post.

    Attributes:
        names: their names; later messages of an incident edit its post. An alert is posted anew
            unless the post of the first of these incidents shows an alert.
        closes: whether the message ends them.
        since: when the state that the message reports began; None if that is not shown.
    """

    names: tuple[str, ...] = ()
    closes: bool = False
    since: datetime | None = None


NO_INCIDENT = Incident()


@dataclass(frozen=True)
class Embed:
    """One embed of any size; `limits.fit` cuts it to Discord's limits.

    Attributes:
        is_alert: whether an operator must look at it: a failure, a warning, an alarm.
        incident: the incidents that the message belongs to.
        full: the complete message, for an attachment if the embed is cut; empty for the embed's
            text.
        attach: whether to attach `full` even if nothing is cut.
    """

    title: str
    color: int
    description: str = ""
    fields: Sequence[EmbedField] = ()
    footer: str = ""
    timestamp: datetime | None = None
    url: str = ""
    is_alert: bool = False
    incident: Incident = NO_INCIDENT
    full: str = ""
    attach: bool = False

    def size(self) -> int:
        """Return the number of characters that count towards Discord's total."""
        return length(self.title + self.description + self.footer) + sum(field.size() for field in self.fields)

    def text(self) -> str:
        """Return the embed as plain Markdown."""
        fields = (f"{field.name}: {field.value}" for field in self.fields)
        return "\n".join(filter(None, (self.title, self.description, *fields, self.footer)))

    def payload(self) -> dict[str, Any]:
        """Return the embed as JSON for Discord's API."""
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
    """Return the largest length that Discord may count: UTF-16 units, two per astral character."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
