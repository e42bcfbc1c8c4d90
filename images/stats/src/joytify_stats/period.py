"""The reporting period: a half-open UTC month `[start, end)`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import ObjectId

from joytify_common.errors import ConfigError

FORM = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True)
class Period:
    """One month.

    Attributes:
        start: first instant of the month, UTC.
        end: first instant of the month after, UTC.
    """

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m}"

    def notification_id(self, *, test_mode: bool) -> ObjectId:
        """Return the `_id` of the period's one notification: the same at every run, without a unique index."""
        mode = "test" if test_mode else "production"
        return ObjectId(hashlib.sha256(f"monthlyStatistic {self} {mode}".encode()).digest()[:12])

    def notification_date(self, now: datetime) -> datetime:
        """Return the notification's `createdAt`: in the month after the period, since the backend counts back from it.

        That is `now` if it fits, else the first instant that does.
        """
        return now if now < _month_after(self.end) else self.end


def resolve_period(text: str | None, now: datetime) -> Period:
    """Return the period that a run is for: the one asked for, or the last complete month.

    Args:
        text: `YYYY-MM`, or None.
        now: when the run began, UTC.

    Raises:
        ConfigError: the text is no month, or the month is not over.
    """
    current = datetime(now.year, now.month, 1, tzinfo=UTC)
    if text is None:
        return Period(start=_month_before(current), end=current)
    if (match := FORM.fullmatch(text)) is None or match[1] == "0000":
        raise ConfigError('event: period: it must be a month as "YYYY-MM"')
    start = datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)
    if start >= current:
        last = Period(start=_month_before(current), end=current)
        raise ConfigError(f"event: period: {text} is not over; the last complete month is {last}")
    return Period(start=start, end=_month_after(start))


def _month_after(start: datetime) -> datetime:
    return datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)


def _month_before(start: datetime) -> datetime:
    return datetime(start.year - (start.month == 1), (start.month - 2) % 12 + 1, 1, tzinfo=UTC)


def month_before(period: Period) -> Period:
    """Return the month before another."""
    return Period(start=_month_before(period.start), end=period.start)
