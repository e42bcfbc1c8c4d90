"""Read values from JSON whose structure is partly known, and show any JSON as fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from joytify_discord.aws_notation import error_text, parse_time, resource_of
from joytify_discord.rendering.draft import DraftField, listed
from joytify_discord.rendering.text import Text, Time

# A value of at most this length is shown inline, next to others.
INLINE = 40
DEPTH = 6
# From 2015 to 2040.
EARLIEST_EPOCH, LATEST_EPOCH = 1_420_070_400, 2_208_988_800
# Keys that a reader looks for first in a message of an unknown kind, best first.
TELLING = (
    "title",
    "name",
    "status",
    "state",
    "result",
    "severity",
    "reason",
    "cause",
    "message",
    "error",
    "description",
    "summary",
)
# Endings of keys whose value, if it is text that consists of digits, is a time.
TIMES = ("time", "date", "at", "timestamp", "updated", "created")
# 256 KiB of brackets, which SNS accepts, would be indented by gigabytes of spaces.
MAX_NESTED = 24
# Keys that say nothing to a reader.
SILENT = {"version", "schemaversion", "eventversion", "id"}


def get_path(value: object, path: str) -> str:
    """Return the value at a dotted path as text; empty if there is none.

    A number in the path selects an entry of a list. A list of plain values is joined into one text.
    """
    found = get_value(value, path)
    if isinstance(found, list) and found and not any(isinstance(each, (dict, list)) for each in found):
        return _listed(found)
    return _scalar(found) if found is not None and not isinstance(found, (dict, list)) else ""


def get_value(value: object, path: str) -> object:
    """Return the JSON at a dotted path, or None."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def get_list(value: object, path: str) -> list[object]:
    """Return the list at a dotted path, empty if there is none."""
    found = get_value(value, path)
    return found if isinstance(found, list) else []


def select_fields(value: object, names: Mapping[str, str]) -> Iterator[DraftField]:
    """Yield a field for each name; its value is empty if none of the paths leads to a value.

    Args:
        value: JSON.
        names: dotted path by name of the field; if there are several paths, separated by `|`, the first path with a
            value is used.
    """
    for name, paths in names.items():
        text = first_of(value, paths)
        yield DraftField(name, in_readable_form(text), inline=len(text) <= INLINE)


def first_of(value: object, paths: str) -> str:
    """Return the value at the first of these paths (separated by `|`) that has a value; empty if none has."""
    return next(filter(None, (get_path(value, path) for path in paths.split("|"))), "")


def flatten_fields(value: object, shown: Sequence[object] = ()) -> Iterator[DraftField]:
    """Yield a field for each value in an object, by its dotted path, most informative first.

    Args:
        value: JSON.
        shown: values that are shown already.
    """
    flat = [(path, inner) for path, inner in _flatten(value) if _says_something(path, inner) and inner not in shown]
    for path, inner in sorted(flat, key=lambda pair: _rank(pair[0])):
        text = _epoch(path, inner) or (_listed(inner) if isinstance(inner, list) else _scalar(inner))
        yield DraftField(path, in_readable_form(text), inline=len(text) <= INLINE)


def in_readable_form(text: str) -> Text:
    """Return a timestamp as a Time, an ARN as its resource's name, and an error in JSON as the error's text.

    Any other text is returned unchanged.
    """
    if (at := parse_time(text)) is not None:
        return Time(at)
    return resource_of(error_text(text))


def _flatten(value: object, prefix: str = "", depth: int = DEPTH) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value and depth:
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key), depth - 1)
    elif isinstance(value, list) and depth and any(isinstance(inner, (dict, list)) for inner in value):
        for number, inner in enumerate(value):
            yield from _flatten(inner, f"{prefix}.{number}" if prefix else str(number), depth - 1)
    else:
        yield prefix, value


def _says_something(path: str, value: object) -> bool:
    return value not in (None, "", [], {}) and path.rsplit(".", 1)[-1].lower() not in SILENT


def _epoch(path: str, value: object) -> str:
    """Return the time for a number of seconds or milliseconds since 1970, if its year is plausible."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{10}|[0-9]{13}", value) and path.lower().endswith(TIMES):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    seconds = value / 1000 if value > LATEST_EPOCH else value
    is_plausible = EARLIEST_EPOCH < seconds < LATEST_EPOCH
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC" if is_plausible else ""


def _rank(path: str) -> int:
    name = path.rsplit(".", 1)[-1].lower()
    return next((rank for rank, word in enumerate(TELLING) if word in name), len(TELLING))


def _listed(values: list[object]) -> str:
    return listed([resource_of(_scalar(value)) for value in values], ", ")


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def pretty(value: object) -> str:
    """Return the value as JSON: indented, or on one line if it is nested too deeply."""
    try:
        is_flat = _depth(value) <= MAX_NESTED
        return json.dumps(value, indent=2 if is_flat else None, ensure_ascii=False)
    except RecursionError:
        return "JSON that is nested too deeply to be shown"


def _depth(value: object) -> int:
    """Return the nesting depth of a value; stop counting above `MAX_NESTED`."""
    level, depth = [value], 0
    while level and depth <= MAX_NESTED:
        inner = (each.values() if isinstance(each, dict) else each if isinstance(each, list) else () for each in level)
        level, depth = [each for some in inner for each in some if isinstance(each, (dict, list))], depth + 1
    return depth
