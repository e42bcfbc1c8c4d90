"""Every limit that Discord sets on a message, enforced in one place; pure.

https://discord.com/developers/docs/resources/message#embed-object-embed-limits
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from joytify_discord.embed import Embed, Field, length

EMBEDS = 10
FIELDS = 25
TITLE = 256
DESCRIPTION = 4096
FIELD_NAME = 256
FIELD_VALUE = 1024
FOOTER = 2048
URL = 2048
CONTENT = 2000
# Discord takes 10 MiB: https://discord.com/developers/docs/reference#uploading-files
ATTACHMENT, ATTACHMENT_BYTES = "message.txt", 8_000_000
# Characters in all embeds of one message: titles, descriptions, field names and values, footers.
TOTAL = 6000

MARK = "…"
NOTHING = "(none)"
MAX_WORD_CHARACTERS = 40
# The description is not cut below this length while fields can be dropped instead.
MIN_DESCRIPTION = 1000


def cut(text: str, limit: int) -> str:
    """Return the text, cut at a word and marked if it is longer than the limit."""
    if length(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - length(MARK))].decode("utf-16-le", "ignore")
    head, space, tail = kept.rpartition(" ")
    return (head if space and len(tail) < MAX_WORD_CHARACTERS else kept).rstrip() + MARK


def fit(embed: Embed[str]) -> Embed[str]:
    """Return the embed cut to the limits of a single embed; a cut text ends with a mark."""
    fields = [
        Field(cut(_filled(f.name), FIELD_NAME), cut(_filled(f.value), FIELD_VALUE), f.inline)
        for f in embed.fields[:FIELDS]
    ]
    fitted = replace(
        embed,
        title=cut(_filled(embed.title), TITLE),
        description=cut(_sendable(embed.description).strip(), DESCRIPTION),
        fields=fields,
        # A link that is cut would lead nowhere, so a link that is too long is left out.
        url=embed.url if len(embed.url) <= URL else "",
        footer=cut(_sendable(embed.footer).strip(), FOOTER),
    )
    # Shorten a long description first, but keep its beginning; then drop the last fields; then
    # shorten this beginning too.
    fitted = _shorten(fitted, MIN_DESCRIPTION)
    while fitted.size() > TOTAL and len(fitted.fields) > 0:
        fitted = replace(fitted, fields=fitted.fields[:-1])
    return _shorten(fitted, 0)


def _shorten(embed: Embed[str], least: int) -> Embed[str]:
    over = max(0, embed.size() - TOTAL)
    kept = max(length(embed.description) - over, min(least, length(embed.description)))
    return replace(embed, description=cut(embed.description, kept))


@dataclass(frozen=True)
class Payload:
    """One message for the webhook, within every limit.

    Attributes:
        body: JSON for Discord's API; it mentions nobody.
        attachment: text of `message.txt`; empty for no attachment.
    """

    body: dict[str, Any]
    attachment: str = ""

    def message(self) -> dict[str, Any]:
        """Return the JSON to send; it lists the attachment, which an edit would drop otherwise."""
        return {**self.body, "attachments": [{"id": 0, "filename": ATTACHMENT}] if self.attachment else []}

    def plainest(self) -> Payload:
        """Return the message as text only, in case Discord rejects its format."""
        text = "\n\n".join(map(_text, self.body["embeds"]))
        body = {"content": cut(text, CONTENT), "embeds": [], "allowed_mentions": {"parse": []}}
        return replace(self, body=body, attachment="")


def payloads(embeds: Sequence[Embed[str]]) -> Iterator[Payload]:
    """Yield the embeds in as few messages as possible, in order."""
    waiting: list[tuple[Embed[str], Embed[str]]] = []
    for given in embeds:
        embed = fit(given)
        fitted = [other for _, other in waiting]
        # Discord merges embeds with the same URL.
        if waiting and (
            len(waiting) == EMBEDS
            or sum(e.size() for e in fitted) + embed.size() > TOTAL
            or (embed.url and embed.url in {e.url for e in fitted})
        ):
            yield _payload(waiting)
            waiting = []
        waiting.append((given, embed))
    if waiting:
        yield _payload(waiting)


def _payload(embeds: Sequence[tuple[Embed[str], Embed[str]]]) -> Payload:
    body = {"embeds": [embed.payload() for _, embed in embeds], "allowed_mentions": {"parse": []}}
    whole = "\n\n".join(given.full() or _text(given.payload()) for given, embed in embeds if _attaches(given, embed))
    attachment = whole.encode(errors="replace")[:ATTACHMENT_BYTES].decode(errors="ignore")
    return Payload(body=body, attachment=attachment)


def _attaches(given: Embed[str], fitted: Embed[str]) -> bool:
    if given.attach or len(fitted.fields) < len(given.fields):
        return True
    values = zip(given.fields, fitted.fields, strict=True)
    return (
        fitted.title != _filled(given.title)
        or fitted.description != _sendable(given.description).strip()
        or any(_filled(one.value) != other.value or _filled(one.name) != other.name for one, other in values)
    )


def _text(embed: dict[str, Any]) -> str:
    fields = (f"{field['name']}: {field['value']}" for field in embed.get("fields", ()))
    footer = embed.get("footer", {}).get("text")
    return "\n".join(filter(None, (embed["title"], embed.get("description"), *fields, footer)))


def _filled(text: str) -> str:
    return _sendable(text).strip() or NOTHING


def _sendable(text: str) -> str:
    # JSON may contain half of a surrogate pair, which UTF-8 cannot encode.
    return text.encode("utf-8", "replace").decode()
