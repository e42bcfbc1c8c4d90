from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from joytify_cleanup.purge import CleanupEvent, CleanupProgress, Purge
from joytify_cleanup.retention import Policy, cutoff
from joytify_common.deadline import Deadline
from joytify_common.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joytify_cleanup.records import Records


class FakeRecords:
    """A collection of numbered documents, all expired, that takes a while for each batch."""

    def __init__(self, expired: int, *, total: int | None = None, known: bool = True, seconds: float = 0.0) -> None:
        self.name = "playbacks"
        self.left = list(range(expired))
        self._total = expired if total is None else total
        self._known = known
        self._seconds = seconds

    def total(self) -> int:
        return self._total

    def count_expired(self, _seconds: float) -> int | None:
        return len(self.left) if self._known else None

    def count_undated(self, _seconds: float) -> int | None:
        return 0 if self._known else None

    @contextmanager
    def batches(self, size: int) -> Iterator[Iterator[list[int]]]:
        yield iter([self.left[start : start + size] for start in range(0, len(self.left), size)])

    def delete(self, ids: list[int]) -> int:
        time.sleep(self._seconds)
        self.left = [number for number in self.left if number not in ids]
        return len(ids)


def run(
    records: FakeRecords, *, seconds: float = 60, event: dict[str, Any] | None = None, limit: float = 95
) -> CleanupProgress:
    progress = CleanupProgress()
    Purge(
        event=CleanupEvent.model_validate(event or {}),
        batch_size=10,
        pause_seconds=0,
        max_delete_percent=limit,
        deadline=Deadline(time.monotonic() + seconds),
        progress=progress,
    ).clean([cast("Records", records)])
    return progress


@pytest.mark.parametrize(
    ("expired", "mode"), [(0, "none"), (1, "direct"), (10, "direct"), (11, "batch"), (35, "batch")]
)
def test_everything_expired_is_deleted(expired: int, mode: str) -> None:
    records = FakeRecords(expired)

    figures = run(records).figures()

    assert records.left == []
    assert (figures["records_deleted"], figures["remaining_records"]) == (expired, 0)
    assert (figures["stop_reason"], figures["completion_percentage"]) == ("completed", 100.0)
    assert figures["processing_mode"] == mode


def test_stops_before_the_deadline_and_reports_what_remains() -> None:
    records = FakeRecords(100, seconds=0.1)

    progress = run(records, seconds=0.5)

    figures = progress.figures()
    assert figures["stop_reason"] == "deadline"
    assert figures["was_timeout_stopped"] is True
    assert 0 < figures["records_deleted"] < 100
    assert figures["remaining_records"] == len(records.left) == 100 - figures["records_deleted"]


def test_counts_that_cannot_be_had_are_unknown_and_the_work_goes_on() -> None:
    records = FakeRecords(25, known=False)

    figures = run(records).figures()

    assert records.left == []
    assert figures["total_records_found"] is None
    assert figures["completion_percentage"] is None
    assert (figures["records_deleted"], figures["remaining_records"]) == (25, 0)


def test_the_brake_holds_where_too_much_is_expired_and_says_how_to_allow_it() -> None:
    records = FakeRecords(960, total=1000)

    with pytest.raises(PermanentError, match=r'95 %\) of playbacks .*"allowAboveLimit": true'):
        run(records)

    assert len(records.left) == 960


@pytest.mark.parametrize(
    ("expired", "total", "event"),
    [(950, 1000, {}), (999, 999, {}), (1000, 1000, {"allowAboveLimit": True})],
    ids=["at the limit", "small collection", "allowed by the event"],
)
def test_the_brake_lets_the_usual_pass(expired: int, total: int, event: dict[str, Any]) -> None:
    records = FakeRecords(expired, total=total)

    run(records, event=event)

    assert records.left == []


def test_a_dry_run_counts_and_deletes_nothing() -> None:
    records = FakeRecords(25)

    figures = run(records, event={"dryRun": True}).figures()

    assert len(records.left) == 25
    assert (figures["total_records_found"], figures["remaining_records"], figures["records_deleted"]) == (25, 25, 0)
    assert (figures["completion_percentage"], figures["processing_mode"]) == (0.0, "none")


def test_the_filter_of_a_nested_date_looks_into_no_array() -> None:
    before = cutoff(datetime(2026, 11, 1, tzinfo=UTC), 60)

    query = Policy(collection="sessions", date_field="status.lastActive").expired(before)

    assert before == datetime(2026, 9, 2, tzinfo=UTC)
    assert query == {
        "status.lastActive": {"$lt": before, "$not": {"$type": "array"}},
        "status": {"$not": {"$type": "array"}},
    }
