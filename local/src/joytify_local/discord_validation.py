"""Validate a webhook message against Discord's documented limits; errors have Discord's format.

https://discord.com/developers/docs/resources/webhook#execute-webhook
https://discord.com/developers/docs/resources/message#embed-object-embed-limits
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

TOTAL = 6000
LINK = 2048
INVALID_FORM_BODY = 50035
EMPTY_MESSAGE = 50006


def _text(limit: int, least: int = 0) -> AfterValidator:
    def check(value: str) -> str:
        # Discord trims text. How it counts astral characters is not documented, so use the
        # strictest way.
        size = _size(value.strip())
        if size < least:
            raise PydanticCustomError("BASE_TYPE_REQUIRED", "This field is required")
        if size > limit:
            raise PydanticCustomError(
                "BASE_TYPE_MAX_LENGTH", "Must be {limit} or fewer in length.", {"limit": limit, "size": size}
            )
        return value

    return AfterValidator(check)


def _link(value: str) -> str:
    if len(value) > LINK or not value.startswith(("http://", "https://", "attachment://")):
        raise PydanticCustomError("URL_TYPE_INVALID_URL", "Not a well formed URL.")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class EmbedField(_Strict):
    """A field of an embed; neither part may be empty."""

    name: Annotated[str, _text(256, 1)]
    value: Annotated[str, _text(1024, 1)]
    inline: bool = False


class Footer(_Strict):
    """An embed's footer."""

    text: Annotated[str, _text(2048, 1)]


class Embed(_Strict):
    """An embed."""

    title: Annotated[str, _text(256)] = ""
    description: Annotated[str, _text(4096)] = ""
    url: Annotated[str, AfterValidator(_link)] | None = None
    timestamp: Annotated[datetime | None, Field(strict=False)] = None
    color: int = Field(default=0, ge=0, le=0xFFFFFF)
    footer: Footer | None = None
    fields: list[EmbedField] = Field(default=[], max_length=25)

    @model_validator(mode="after")
    def _not_empty(self) -> Embed:
        if not self.size():
            raise PydanticCustomError("BASE_TYPE_REQUIRED", "This field is required")
        return self

    def size(self) -> int:
        """Return the number of characters that count towards the total."""
        fields = sum(_size(field.name) + _size(field.value) for field in self.fields)
        return _size(self.title) + _size(self.description) + fields + _size(self.footer.text if self.footer else "")


class AllowedMentions(_Strict):
    """Who may be mentioned."""

    parse: list[Literal["roles", "users", "everyone"]] | None = None
    users: list[str] = []
    roles: list[str] = []


class WebhookMessage(_Strict):
    """A message for a webhook."""

    content: Annotated[str, _text(2000)] = ""
    embeds: list[Embed] = Field(default=[], max_length=10)
    allowed_mentions: AllowedMentions | None = None

    @model_validator(mode="after")
    def _no_address_twice(self) -> WebhookMessage:
        # Discord accepts embeds with the same URL, but shows them as one embed.
        addresses = [embed.url for embed in self.embeds if embed.url]
        if len(addresses) != len(set(addresses)):
            raise PydanticCustomError("EMBEDS_MERGED", "Embeds with the same url are shown as one")
        return self

    @model_validator(mode="after")
    def _within_total(self) -> WebhookMessage:
        if sum(embed.size() for embed in self.embeds) > TOTAL:
            raise PydanticCustomError("MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
        return self


def check(body: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any posted JSON
    """Return the body of a 400 response in Discord's format; None if the message is valid."""
    try:
        message = WebhookMessage.model_validate(body)
    except ValidationError as exc:
        return {"message": "Invalid Form Body", "code": INVALID_FORM_BODY, "errors": _tree(exc)}
    if not message.content.strip() and not message.embeds:
        return {"message": "Cannot send an empty message", "code": EMPTY_MESSAGE}
    return None


def _size(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _tree(exc: ValidationError) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for error in exc.errors(include_url=False):
        branch = tree
        for step in error["loc"] or ("embeds",):
            branch = branch.setdefault(str(step), {})
        branch.setdefault("_errors", []).append({"code": error["type"].upper(), "message": error["msg"]})
    return tree
