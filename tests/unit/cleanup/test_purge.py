from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from joytify_cleanup.batches import Batch, Part, batch_of
from joytify_cleanup.progress import CleanupProgress
from joytify_cleanup.purge import CleanupEvent, Purge
from joytify_cleanup.retention import Policy, cutoff
from joytify_common.deadline import Deadline
from joytify_common.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from joytify_cleanup.records import Records


class FakeRecords:
    """A collection of numbered documents, all expired, that takes a while for each batch."""

    name = "playbacks"

    def __init__(self, expired: int, *, too_many: bool = False, known: bool = True, seconds: float = 0.0) -> None:
        self.left = list(range(expired))
        self.error: TransientError | None = None
        self.keeps_all = False
        self._found = 0
        self._too_many, self._known, self._seconds = too_many, known, seconds

    def exceeds(self, _percent: float, _at_least: int, _seconds: float) -> bool:
        return self._too_many

    def count_expired(self, _seconds: float) -> int | None:
        return len(self.left) if self._known else None

    def count_undated(self, _seconds: float) -> int | None:
        return 0 if self._known else None

    def average_bytes(self) -> float:
        return 150.0

    def batches(self) -> FakeRecords:
        return self

    def next(self, size: int) -> Batch | None:
        ids = [number for number in self.left if number >= self._found][:size]
        if not ids:
            return None
        self._found = 0 if self.keeps_all else ids[-1] + 1
        return batch_of(ids, last=len(ids) < size)

    def delete(self, part: Part) -> int:
        time.sleep(self._seconds)
        if self.error is not None:
            raise self.error
        if self.keeps_all:
            return 0
        gone = set(part.query["_id"]["$in"])
        self.left = [number for number in self.left if number not in gone]
        return len(gone)


def run(
    records: FakeRecords,
    *,
    seconds: float = 60,
    event: dict[str, Any] | None = None,
    started: list[str] | None = None,
    progress: CleanupProgress | None = None,
) -> dict[str, Any]:
    progress = progress or CleanupProgress()
    continuations = [] if started is None else started
    Purge(
        event=CleanupEvent.model_validate(event or {}),
        batch_size=10,
        pause_seconds=0,
        max_delete_percent=95,
        max_continuations=2,
        deadline=Deadline(time.monotonic() + seconds),
        archive=None,
        start_continuation=lambda: continuations.append("started"),
        progress=progress,
    ).clean([cast("Records", records)])
    return progress.figures()


@pytest.mark.parametrize(
    ("expired", "mode"), [(0, "none"), (1, "direct"), (10, "direct"), (11, "batch"), (35, "batch")]
)
def test_everything_expired_is_deleted(expired: int, mode: str) -> None:
    records = FakeRecords(expired)

    figures = run(records)

    assert records.left == []
    assert (figures["records_deleted"], figures["remaining_records"]) == (expired, 0)
    assert (figures["stop_reason"], figures["completion_percentage"]) == ("completed", 100.0)
    assert figures["processing_mode"] == mode


def test_stops_before_the_deadline_reports_what_remains_and_continues() -> None:
    records = FakeRecords(100, seconds=0.1)
    started: list[str] = []

    figures = run(records, seconds=0.5, started=started)

    assert (figures["stop_reason"], figures["was_timeout_stopped"], figures["continued"]) == ("deadline", True, True)
    assert 0 < figures["records_deleted"] < 100
    assert figures["remaining_records"] == len(records.left) == 100 - figures["records_deleted"]
    assert started == ["started"]


def test_a_chain_ends_after_the_continuations_that_are_allowed() -> None:
    started: list[str] = []

    figures = run(FakeRecords(100, seconds=0.1), seconds=0.5, event={"continuation": 2}, started=started)

    assert (figures["stop_reason"], figures["continued"], started) == ("continuations_exhausted", False, [])


def test_a_run_that_could_delete_nothing_does_not_continue() -> None:
    started: list[str] = []

    figures = run(FakeRecords(100), seconds=0, started=started)

    assert (figures["stop_reason"], figures["records_deleted"], started) == ("no_progress", 0, [])


def test_documents_that_stay_whatever_is_done_end_the_run() -> None:
    records = FakeRecords(5)
    records.keeps_all = True

    figures = run(records)

    assert (figures["stop_reason"], figures["remaining_records"]) == ("no_progress", 5)


def test_a_batch_that_breaks_off_at_the_deadline_is_the_deadline() -> None:
    records = FakeRecords(100, seconds=0.2)
    records.error = TransientError("MongoDB did not answer in the time given")

    assert run(records, seconds=0.1)["stop_reason"] == "no_progress"
    with pytest.raises(TransientError):
        run(records, seconds=60)


def test_a_chain_counts_its_earlier_runs() -> None:
    earlier = {"startedAt": "2026-11-01T04:00:00Z", "recordsDeleted": 1000, "executionTimeMs": 800_000}
    event = CleanupEvent.model_validate({"chain": earlier})
    progress = CleanupProgress(earlier=event.chain)

    chain = run(FakeRecords(25), progress=progress)["chain"]

    assert (chain.started_at, chain.records_deleted) == (datetime(2026, 11, 1, 4, tzinfo=UTC), 1025)
    assert chain.execution_time_ms >= 800_000


def test_counts_that_cannot_be_had_are_unknown_and_the_work_goes_on() -> None:
    records = FakeRecords(100, known=False, seconds=0.1)

    figures = run(records, seconds=0.5)

    assert 0 < figures["records_deleted"] < 100
    assert figures["total_records_found"] is None
    assert figures["remaining_records"] is None
    assert figures["completion_percentage"] is None
    assert figures["collections"][0].undated is None


def test_the_brake_holds_where_too_much_is_expired_and_says_how_to_allow_it() -> None:
    records = FakeRecords(960, too_many=True)

    with pytest.raises(PermanentError, match=r'95 %\) of playbacks .*"allowAboveLimit": true'):
        run(records)

    assert len(records.left) == 960
    run(records, event={"allowAboveLimit": True})
    assert records.left == []


def test_a_dry_run_counts_estimates_and_deletes_nothing() -> None:
    records = FakeRecords(25)

    figures = run(records, event={"dryRun": True})

    assert len(records.left) == 25
    assert (figures["total_records_found"], figures["remaining_records"], figures["records_deleted"]) == (25, 25, 0)
    assert (figures["completion_percentage"], figures["processing_mode"]) == (0.0, "none")
    assert figures["estimate"].bytes == 25 * 150


def test_the_filter_of_a_nested_date_looks_into_no_array() -> None:
    before = cutoff(datetime(2026, 11, 1, tzinfo=UTC), 60)

    query = Policy(collection="sessions", date_field="status.lastActive").expired(before)

    assert before == datetime(2026, 9, 2, tzinfo=UTC)
    assert query == {
        "status.lastActive": {"$lt": before, "$not": {"$type": "array"}},
        "status": {"$not": {"$type": "array"}},
    }


def test_a_half_that_fails_for_good_does_not_hide_what_the_other_deleted() -> None:
    class HalfBroken(FakeRecords):
        def delete(self, part: Part) -> int:
            if part.query["_id"]["$in"][0] == 0:
                raise PermanentError("MongoDB refused")
            return super().delete(part)

    progress = CleanupProgress()
    with pytest.raises(PermanentError, match="refused"):
        run(HalfBroken(10), progress=progress)

    assert (progress.deleted, progress.figures()["processing_mode"]) == (5, "direct")


def test_what_somebody_else_deletes_meanwhile_is_no_lack_of_progress() -> None:
    class Raced(FakeRecords):
        def delete(self, part: Part) -> int:
            super().delete(part)
            return 0

    figures = run(Raced(5))

    assert (figures["stop_reason"], figures["records_deleted"]) == ("completed", 0)


def test_a_dry_run_tells_that_the_brake_would_hold() -> None:
    records = FakeRecords(20, too_many=True)

    figures = run(records, event={"dryRun": True})

    assert (figures["stop_reason"], figures["records_deleted"], len(records.left)) == ("brake", 0, 20)
