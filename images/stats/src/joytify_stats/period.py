"""The reporting period: a half-open UTC month `[start, end)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FORM = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
# An ObjectId cannot contain an earlier time.
FIRST_YEAR = 1970


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

    @property
    def shown_until(self) -> datetime:
        """The end of the month after the period.

        The backend shows this period for a notification created in that month.
        """
        return _month_after(self.end)

    def notification_date(self, now: datetime) -> datetime:
        """Return the notification's `createdAt`, from which the backend derives the period.

        It is in the month after the period: `now` if possible, otherwise the first instant.
        """
        return now if now < self.shown_until else self.end


def resolve_period(text: str | None, now: datetime) -> Period:
    """Return the period of a run: the requested month, or the last complete month.

    Args:
        text: `YYYY-MM`, or None.
        now: when the run began, UTC.

    Raises:
        ValueError: the text is not a month, or the month is before 1970 or not over.
    """
    current = datetime(now.year, now.month, 1, tzinfo=UTC)
    if text is None:
        return month_before(current)
    if (match := FORM.fullmatch(text)) is None or int(match[1]) < FIRST_YEAR:
        raise ValueError(f'it must be a month as "YYYY-MM", {FIRST_YEAR}-01 or later')
    start = datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)
    if start >= current:
        raise ValueError(f"{text} is not over; the last complete month is {month_before(current)}")
    return Period(start=start, end=_month_after(start))


def _month_after(start: datetime) -> datetime:
    return datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)


def month_before(end: datetime) -> Period:
    """Return the month before `end`, which must be the start of a month."""
    return Period(start=(end - timedelta(days=1)).replace(day=1), end=end)
