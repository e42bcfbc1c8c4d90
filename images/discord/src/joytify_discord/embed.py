"""The embed that shows a message, of any size; `limits` applies Discord's limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from joytify_discord.aws_notation import NOWHERE, Place

TextT = TypeVar("TextT")


@dataclass(frozen=True)
class Severity:
    """How a message looks: a colour, and a symbol that shows the severity without the colour.

    Attributes:
        reason: the rule that chose this severity, and the word that matched, for the log; ignored by ==.
    """

    symbol: str
    color: int
    reason: str = field(default="", compare=False)

    def because(self, reason: str) -> Severity:
        """Return this severity with a reason."""
        return replace(self, reason=reason)


SUCCESS = Severity("✅", 0x2E7D32)
PARTIAL = Severity("⏳", 0xF9A825)
WARNING = Severity("⚠️", 0xEF6C00)
FAILURE = Severity("❌", 0xC62828)
INFORMATION = Severity("🔹", 0x1565C0)


@dataclass(frozen=True)
class Incidents:
    """The incidents to which a message belongs.

    An incident is a series of messages that share one post, for example an alarm and its end.

    Attributes:
        names: names of the incidents; later messages of an incident edit its post. An alert gets a new post, unless
            the post of the first incident in `names` already shows an alert in the alerts channel.
        closes: whether the message ends the incidents.
        since: when the state that the message reports began; None if the post should not show how long the incident
            lasts.
    """

    names: tuple[str, ...] = ()
    closes: bool = False
    since: datetime | None = None


@dataclass(frozen=True)
class Field(Generic[TextT]):
    """A name with a value."""

    name: str
    value: TextT
    inline: bool = True


@dataclass(frozen=True, kw_only=True)
class Embed(Generic[TextT]):
    """One embed of any size; `limits.fit` cuts it to Discord's limits.

    A renderer returns an `Embed[Text]`; `rendering.markdown.written` makes it an `Embed[str]`, in
    Discord's Markdown.

    Attributes:
        fields: the fields; `rendering.dispatch` leaves out those without a value.
        incidents: the incidents that the message belongs to.
        place: account and region that the message is about; `rendering.dispatch` completes them for the footer.
        full: returns the text to attach if the embed is cut; if it is empty, the embed's own text is attached.
        attach: whether to attach `full` even if nothing is cut.
    """

    severity: Severity
    title: str
    description: TextT | Literal[""] = ""
    fields: Sequence[Field[TextT]] = ()
    footer: str = ""
    timestamp: datetime | None = None
    url: str = ""
    incidents: Incidents = Incidents()
    place: Place = NOWHERE
    full: Callable[[], str] = field(default=str, compare=False)
    attach: bool = False

    @property
    def is_alert(self) -> bool:
        """Whether an operator must look at it."""
        return self.severity in {FAILURE, WARNING}

    def size(self: Embed[str]) -> int:
        """Return the number of characters that count towards Discord's total."""
        texts = (self.title, self.description, self.footer, *(each.name + each.value for each in self.fields))
        return sum(map(length, texts))

    def payload(self: Embed[str]) -> dict[str, Any]:
        """Return the embed as JSON for Discord's API."""
        payload: dict[str, Any] = {"title": self.title, "color": self.severity.color}
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
    """Return the length in UTF-16 units (two per astral character); Discord's own count is never higher."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
