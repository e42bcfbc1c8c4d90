"""Values of `_id`, of any BSON type: as Extended JSON in events, and as start points of queries."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Annotated, Any

from bson import CodecOptions, DatetimeConversion, MinKey, encode, json_util
from bson.errors import BSONError
from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

# An `_id` may be a date outside the range of Python's datetime.
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
EXTENDED_JSON = json_util.CANONICAL_JSON_OPTIONS.with_options(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
# Sorts before every `_id` except an `_id` that is itself MinKey, which no application uses.
BEGINNING = MinKey()


def key_of(identity: object) -> bytes:
    """Return bytes that identify an `_id`, to compare and to hash it.

    Python treats `1` and `True` as equal, and cannot hash a document.
    """
    return encode({"_id": identity}, codec_options=CODEC)


def from_json(value: object) -> object:
    """Return the `_id` that this Extended JSON represents.

    Raises:
        ValueError: it is not Extended JSON.
    """
    try:
        identity: object = json_util.loads(json.dumps(value), json_options=EXTENDED_JSON)
        key_of(identity)
    except (ArithmeticError, BSONError, KeyError, TypeError, ValueError) as exc:
        raise ValueError("it is not the Extended JSON of an _id") from exc
    return identity


def to_json(value: object) -> object:
    """Return the canonical Extended JSON of an `_id`, as JSON-compatible Python values."""
    return json.loads(json_util.dumps(value, json_options=EXTENDED_JSON))


def compared(operator: str, identity: object) -> dict[str, Any]:
    """Return the `$expr` condition that compares `_id` with `identity`, by `$gte`, `$gt` or `$lt`.

    `$expr` compares ids of all BSON types in index order and uses the index; a plain filter matches
    ids of one BSON type only.
    """
    return {operator: ["$_id", {"$literal": identity}]}


def _read(value: object, info: ValidationInfo) -> object:
    return from_json(value) if info.mode == "json" else value


# An `_id` of any BSON type; canonical Extended JSON on the wire.
Id = Annotated[Any, BeforeValidator(_read), PlainSerializer(to_json, when_used="json")]
