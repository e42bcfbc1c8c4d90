"""The kinds of text in a draft, and the format of figures; `markdown.py` turns text into Markdown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Time:
    """A moment, which is shown as a relative time and in the operators' time zone."""

    at: datetime


@dataclass(frozen=True)
class Authored:
    """Markdown that a person wrote on purpose, as in the description of an alarm."""

    text: str


Text = str | Time | Authored


def time_of(value: datetime | None) -> Text:
    """Return a time as it is shown, or `unknown`."""
    return UNKNOWN if value is None else Time(value)


def number(value: int | None) -> str:
    """Return a count with thousands separated."""
    return UNKNOWN if value is None else f"{value:,}"


def counted(value: int | None, noun: str) -> str:
    """Return a count with its noun, in the singular or the plural."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def percent(value: float | None) -> str:
    """Return a percentage with at most one decimal that never rounds up to 100 nor down to 0."""
    if value is None:
        return UNKNOWN
    tenths = math.floor(value * 10) / 10
    if value > 0 and tenths == 0:
        return "< 0.1 %"
    return f"{tenths:g} %"


def size(value: int) -> str:
    """Return a number of bytes in a suitable unit."""
    amount, unit = float(value), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:  # noqa: PLR2004 - bytes in the next larger unit
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def duration(milliseconds: float) -> str:
    """Return a duration in a suitable unit, or in two."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
