"""Every limit that Discord sets on a message, enforced in one place; pure.

https://discord.com/developers/docs/resources/message#embed-object-embed-limits
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

EMBEDS = 10
FIELDS = 25
TITLE = 256
DESCRIPTION = 4096
FIELD_NAME = 256
FIELD_VALUE = 1024
FOOTER = 2048
URL = 2048
# Over all embeds of one message: titles, descriptions, field names and values, footers.
TOTAL = 6000

MARK = "…"
NOTHING = "(none)"
LONGEST_WORD = 40


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
    """One embed, of any size; `fit` makes it one that Discord takes."""

    title: str
    color: int
    description: str = ""
    fields: Sequence[EmbedField] = ()
    footer: str = ""
    timestamp: datetime | None = None
    url: str = ""

    def size(self) -> int:
        """Return the characters that count against the total."""
        return length(self.title + self.description + self.footer) + sum(field.size() for field in self.fields)

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


def cut(text: str, limit: int) -> str:
    """Return the text, cut at a word and marked where it is longer than the limit."""
    if length(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - length(MARK))].decode("utf-16-le", "ignore")
    head, space, tail = kept.rpartition(" ")
    return (head if space and len(tail) < LONGEST_WORD else kept).rstrip() + MARK


def fit(embed: Embed) -> Embed:
    """Return the embed within every limit on a single one; what had to be cut is marked."""
    embed = replace(embed, title=_sendable(embed.title), description=_sendable(embed.description))
    fields = [
        EmbedField(cut(_filled(f.name), FIELD_NAME), cut(_filled(f.value), FIELD_VALUE), f.inline)
        for f in embed.fields[:FIELDS]
    ]
    fitted = replace(
        embed,
        title=cut(_filled(embed.title), TITLE),
        description=cut(embed.description.strip(), DESCRIPTION),
        fields=fields,
        # A link that is cut leads nowhere.
        url=embed.url if len(embed.url) <= URL else "",
        footer=cut(_sendable(embed.footer).strip(), FOOTER),
    )
    while fitted.size() > TOTAL and len(fitted.fields) > 0:
        fitted = replace(fitted, fields=fitted.fields[:-1])
    over = max(0, fitted.size() - TOTAL)
    return replace(fitted, description=cut(fitted.description, length(fitted.description) - over))


def payloads(embeds: Sequence[Embed]) -> Iterator[dict[str, Any]]:
    """Yield as few webhook payloads as hold the embeds, in order; none of them mentions anybody."""
    waiting: list[Embed] = []
    for embed in map(fit, embeds):
        if waiting and (len(waiting) == EMBEDS or sum(e.size() for e in waiting) + embed.size() > TOTAL):
            yield _payload(waiting)
            waiting = []
        waiting.append(embed)
    if waiting:
        yield _payload(waiting)


def _payload(embeds: Sequence[Embed]) -> dict[str, Any]:
    return {"embeds": [embed.payload() for embed in embeds], "allowed_mentions": {"parse": []}}


def _filled(text: str) -> str:
    return _sendable(text).strip() or NOTHING


def _sendable(text: str) -> str:
    # JSON may name half of a surrogate pair, which UTF-8 cannot carry.
    return text.encode("utf-8", "replace").decode()
