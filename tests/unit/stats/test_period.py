from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joytify_stats.period import resolve_period

MILLISECOND = timedelta(milliseconds=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        (utc(2026, 11, 1), utc(2026, 10, 1), utc(2026, 11, 1)),
        (utc(2026, 11, 1, 2), utc(2026, 10, 1), utc(2026, 11, 1)),
        (utc(2026, 10, 31, 23, 59, 59), utc(2026, 9, 1), utc(2026, 10, 1)),
        (utc(2027, 1, 1, 2), utc(2026, 12, 1), utc(2027, 1, 1)),
        (utc(2028, 3, 1, 2), utc(2028, 2, 1), utc(2028, 3, 1)),
    ],
    ids=["first instant", "schedule", "last second", "December to January", "leap February"],
)
def test_the_default_is_the_last_complete_month(now: datetime, start: datetime, end: datetime) -> None:
    period = resolve_period(None, now)

    assert (period.start, period.end) == (start, end)


@given(days=st.integers(0, 30_000), milliseconds=st.integers(0, 86_399_999))
def test_the_notification_is_dated_in_the_month_after_its_period(days: int, milliseconds: int) -> None:
    now = utc(2020, 1, 1) + timedelta(days=days, milliseconds=milliseconds)
    period = resolve_period(None, now)
    dated = period.notification_date(now)

    assert period.end <= dated < period.end + timedelta(days=31)
    assert (dated.year, dated.month) == (period.end.year, period.end.month)
    assert period.start < period.end <= now


def test_a_late_run_dates_the_notification_at_the_start_of_the_month_after_the_period() -> None:
    period = resolve_period("2026-08", utc(2026, 11, 24))

    assert period.notification_date(utc(2026, 11, 24)) == utc(2026, 9, 1)
    assert period.notification_date(utc(2026, 10, 1) - MILLISECOND) == utc(2026, 10, 1) - MILLISECOND


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-01", "2026/01", "october", "", "0000-01", "2026-01 "]
)
def test_a_malformed_period_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(ValueError, match='it must be a month as "YYYY-MM"'):
        resolve_period(text, utc(2026, 11, 24))


@pytest.mark.parametrize("text", ["2026-11", "2026-12", "2099-01"])
def test_a_month_that_is_not_over_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} is not over; the last complete month is 2026-10"):
        resolve_period(text, utc(2026, 11, 24))


@pytest.mark.parametrize("text", ["1969-12", "0000-01", "0001-01"])
def test_a_month_before_1970_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='it must be a month as "YYYY-MM", 1970-01 or later'):
        resolve_period(text, utc(2026, 11, 24))
