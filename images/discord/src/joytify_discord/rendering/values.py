"""Reads from JSON of a shape that is only known so far, and shows JSON of any shape as fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joytify_discord.embed import EmbedField
from joytify_discord.rendering.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A value that is no longer than this stands beside others.
INLINE = 40
DEPTH = 6


def get_path(value: object, path: str) -> str:
    """Return the value at a dotted path (a number picks from a list) as escaped text; empty if nothing does."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    return escape(_scalar(value)) if value is not None and not isinstance(value, (dict, list)) else ""


def select_fields(value: object, names: Mapping[str, str]) -> Iterator[EmbedField]:
    """Yield a field for each name whose path holds something.

    Args:
        value: JSON.
        names: dotted path by name.
    """
    for name, path in names.items():
        if text := get_path(value, path):
            yield EmbedField(name, text, inline=len(text) <= INLINE)


def flatten_fields(value: object, prefix: str = "", depth: int = DEPTH) -> Iterator[EmbedField]:
    """Yield a field for each value in an object, nested ones by their dotted path."""
    if isinstance(value, dict) and value and depth:
        for key, inner in value.items():
            yield from flatten_fields(inner, f"{prefix}.{key}" if prefix else str(key), depth - 1)
    elif isinstance(value, list) and depth and any(isinstance(inner, (dict, list)) for inner in value):
        for number, inner in enumerate(value):
            yield from flatten_fields(inner, f"{prefix}.{number}" if prefix else str(number), depth - 1)
    else:
        shown = ", ".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
        yield EmbedField(escape(prefix), escape(shown), inline=len(shown) <= INLINE)


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
