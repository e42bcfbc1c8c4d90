"""An `_id` of any BSON type: as Extended JSON in an event, and as the place where a walk goes on."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Annotated, Any

from bson import CodecOptions, DatetimeConversion, MinKey, encode, json_util
from bson.errors import BSONError
from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

# An `_id` may be a date that Python cannot hold.
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
EXTENDED_JSON = json_util.CANONICAL_JSON_OPTIONS.with_options(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
# The place before every `_id`, except MinKey as an `_id`, which no application gives to a document.
BEGINNING = MinKey()


def key_of(identity: object) -> bytes:
    """Return what distinguishes an `_id` from all others: to Python `1` equals `True`, and a document has no hash."""
    return encode({"_id": identity}, codec_options=CODEC)


def from_json(value: object) -> object:
    """Return the `_id` whose Extended JSON this is.

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
    """Return the canonical Extended JSON of an `_id`, as values of JSON."""
    return json.loads(json_util.dumps(value, json_options=EXTENDED_JSON))


def not_before(start: object) -> list[dict[str, Any]]:
    """Return the expressions, for `$expr`, that hold for this `_id` and all behind it.

    An expression compares ids of all BSON types in the order of the index, and uses the index; a filter finds those of
    one type only.
    """
    return [] if isinstance(start, MinKey) else [{"$gte": ["$_id", {"$literal": start}]}]


def behind(last: object) -> list[dict[str, Any]]:
    """Return the expressions, for `$expr`, that hold for all behind this `_id`."""
    return [{"$gt": ["$_id", {"$literal": last}]}]


def _read(value: object, info: ValidationInfo) -> object:
    return from_json(value) if info.mode == "json" else value


# An `_id` of any BSON type; canonical Extended JSON on the wire.
Id = Annotated[Any, BeforeValidator(_read), PlainSerializer(to_json, when_used="json")]
