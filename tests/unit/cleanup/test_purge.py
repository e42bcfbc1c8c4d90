from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from bson import Int64, MaxKey, MinKey, ObjectId
from cleanup_run import CUTOFF, clean_up, figures

from joytify_cleanup.archive import Archived
from joytify_cleanup.batches import PARTS_WITHOUT_PAUSE, Batch, Part, Scope
from joytify_cleanup.retention import Policy, cutoff
from joytify_cleanup.scope import from_text, to_text
from joytify_common.errors import ConfigError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from joytify_cleanup.report import CleanupReport

T = TypeVar("T")


class FakeRecords:
    """A small collection of numbered documents, all expired, that takes a while for each batch."""

    name = "playbacks"
    bound = ObjectId("f" * 24)

    def __init__(self, expired: int, *, too_many: bool = False, known: bool = True, seconds: float = 0.0) -> None:
        self.left = list(range(expired))
        self.error: TransientError | None = None
        self._too_many, self._known, self._seconds = too_many, known, seconds

    def date_index(self) -> None:
        """It has none."""

    def total(self) -> int:
        return len(self.left)

    def exceeds(self, _percent: float, _at_least: int, _seconds: float, _scope: Scope) -> bool | None:
        return self._too_many

    def count_expired(self, _seconds: float, scope: Scope | None) -> int | None:
        assert scope is None or scope.name != "bounded"
        return len(self.left) if self._known else None

    def count_undated(self, _seconds: float) -> int | None:
        return 0 if self._known else None

    def average_bytes(self) -> float:
        return 150.0

    def next_range(self, start: Any, stop: Any, size: int) -> tuple[Part, Any]:
        first = 0 if start == MinKey() else start
        ids = [number for number in self.left if number >= first]
        return Part({"_id": {"$in": ids[:size]}}, len(ids[:size])), ids[size] if len(ids) > size else stop

    def count_in(self, part: Part) -> tuple[int, int]:
        return part.documents, 0

    def delete(self, part: Part) -> int:
        time.sleep(self._seconds)
        if self.error is not None:
            raise self.error
        gone = set(part.query["_id"]["$in"])
        self.left = [number for number in self.left if number not in gone]
        return len(gone)


class Other(FakeRecords):
    """Another such collection."""

    name = "sessions"


def run(*records: FakeRecords, **options: Any) -> dict[str, Any]:
    return figures(clean_up(lambda _: records, **options))


@pytest.mark.parametrize(
    ("expired", "mode"), [(0, "none"), (1, "direct"), (10, "direct"), (11, "batch"), (35, "batch")]
)
def test_everything_expired_is_deleted(expired: int, mode: str) -> None:
    records = FakeRecords(expired)

    told = run(records)

    assert records.left == []
    assert (told["records_deleted"], told["remaining_records"]) == (expired, 0)
    assert (told["stop_reason"], told["completion_percentage"]) == ("completed", 100.0)
    assert told["processing_mode"] == mode


def test_stops_before_the_deadline_reports_what_remains_and_continues() -> None:
    records = FakeRecords(100, seconds=0.1)
    started: list[dict[str, Any]] = []

    told = run(records, seconds=0.5, started=started)

    assert (told["stop_reason"], told["was_timeout_stopped"], told["continued"]) == ("deadline", True, True)
    assert 0 < told["records_deleted"] < 100
    assert told["remaining_records"] == len(records.left) == 100 - told["records_deleted"]
    assert len(started) == 1


def test_a_chain_ends_after_the_continuations_that_are_allowed() -> None:
    started: list[dict[str, Any]] = []

    told = run(FakeRecords(100, seconds=0.1), seconds=0.5, event={"continuation": 2}, started=started)

    assert (told["stop_reason"], told["continued"], started) == ("continuations_exhausted", False, [])


def test_a_run_that_could_delete_nothing_does_not_continue() -> None:
    started: list[dict[str, Any]] = []

    told = run(FakeRecords(100), seconds=0, started=started)

    assert (told["stop_reason"], told["records_deleted"], started) == ("no_progress", 0, [])


def test_a_batch_that_breaks_off_at_the_deadline_is_the_deadline() -> None:
    records = FakeRecords(100, seconds=0.2)
    records.error = TransientError("MongoDB did not answer in the time given")

    assert run(records, seconds=0.1)["stop_reason"] == "no_progress"
    with pytest.raises(TransientError):
        run(records, seconds=60)


def test_a_chain_counts_its_earlier_runs() -> None:
    earlier = {"startedAt": "2026-11-01T04:00:00Z", "recordsDeleted": 1000, "executionTimeMs": 800_000}

    chain = run(FakeRecords(25), event={"chain": earlier})["chain"]

    assert (chain.started_at, chain.records_deleted) == (datetime(2026, 11, 1, 4, tzinfo=UTC), 1025)
    assert chain.execution_time_ms >= 800_000


def test_counts_that_cannot_be_had_are_unknown_and_the_work_goes_on() -> None:
    records = FakeRecords(100, known=False, seconds=0.1)

    told = run(records, seconds=0.5)

    assert 0 < told["records_deleted"] < 100
    assert told["total_records_found"] is None
    assert told["remaining_records"] is None
    assert told["completion_percentage"] is None
    assert told["collections"][0].undated is None


def test_the_brake_holds_where_too_much_is_expired_and_says_how_to_allow_it() -> None:
    records = FakeRecords(960, too_many=True)

    with pytest.raises(PermanentError, match=r'95 %\) of playbacks .*"allowAboveLimit": true'):
        run(records)

    assert len(records.left) == 960
    run(records, event={"allowAboveLimit": True})
    assert records.left == []


def test_a_dry_run_counts_estimates_and_deletes_nothing() -> None:
    records = FakeRecords(25)

    told = run(records, event={"dryRun": True})

    assert len(records.left) == 25
    assert (told["total_records_found"], told["remaining_records"], told["records_deleted"]) == (25, 25, 0)
    assert (told["completion_percentage"], told["processing_mode"]) == (0.0, "none")
    assert told["estimate"].bytes == 25 * 150


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

    failed: list[CleanupReport] = []
    with pytest.raises(PermanentError, match="refused"):
        run(HalfBroken(10), failed=failed)

    (report,) = failed
    assert (report.deleted, figures(report)["processing_mode"]) == (7, "direct")


def test_what_somebody_else_deletes_meanwhile_is_no_lack_of_progress() -> None:
    class Raced(FakeRecords):
        def delete(self, part: Part) -> int:
            super().delete(part)
            return 0

    told = run(Raced(5))

    assert (told["stop_reason"], told["records_deleted"]) == ("completed", 0)


def test_a_dry_run_tells_that_the_brake_would_hold() -> None:
    records = FakeRecords(20, too_many=True)

    told = run(records, event={"dryRun": True})

    assert (told["stop_reason"], told["records_deleted"], len(records.left)) == ("brake", 0, 20)


def test_a_collection_is_not_begun_once_another_ran_out_of_time() -> None:
    """Its own throttle knows no latency yet, and would let it begin a full batch."""
    slow, next_one = FakeRecords(100, seconds=0.1), Other(100)

    told = run(slow, next_one, seconds=0.5)

    assert len(next_one.left) == 100
    assert [(c.deleted, c.remaining) for c in told["collections"]][1] == (0, 100)


def test_an_error_that_a_retry_cannot_help_outranks_one_that_it_can() -> None:
    """The halves of a batch fail one after the other, the second when the deadline has come."""

    class BothBroken(FakeRecords):
        def delete(self, part: Part) -> int:
            if part.query["_id"]["$in"][0] == 0:
                raise PermanentError("MongoDB refused")
            time.sleep(0.3)
            raise TransientError("MongoDB did not answer in the time given")

    with pytest.raises(PermanentError, match="refused"):
        run(BothBroken(10), seconds=0.2)


class ArchivedRecords(FakeRecords):
    """Documents that can be read for the archive."""

    def read(self, batch: Batch) -> list[int]:
        return [number for part in batch.parts for number in part.query["_id"]["$in"]]


class FakeArchive:
    """Keeps the ids of what is archived; the second batch fails if it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.ids: list[int] = []
        self.error = error

    def check(self) -> None:
        """It is there."""

    def write(self, _collection: str, documents: list[int]) -> Archived:
        if self.ids and self.error is not None:
            raise self.error
        self.ids.extend(documents)
        return Archived(ids=documents, bytes=1)


@pytest.mark.parametrize(("pause", "most"), [(0.01, 1), (0.0, PARTS_WITHOUT_PAUSE + 1)], ids=["a pause", "no pause"])
def test_with_a_pause_the_server_gets_one_command_at_a_time(pause: float, most: int) -> None:
    class Watched(FakeRecords):
        running, together = 0, 0

        def _command(self, call: Callable[[], T]) -> T:
            self.running += 1
            self.together = max(self.together, self.running)
            time.sleep(0.02)
            result = call()
            self.running -= 1
            return result

        def next_range(self, start: Any, stop: Any, size: int) -> tuple[Part, Any]:
            return self._command(lambda: FakeRecords.next_range(self, start, stop, size))

        def delete(self, part: Part) -> int:
            return self._command(lambda: FakeRecords.delete(self, part))

    records = Watched(60)

    told = run(records, pause=pause)

    assert told["records_deleted"] == 60
    assert records.together == most


def test_a_sequence_whose_retention_period_changed_begins_anew() -> None:
    """Its position was reached, and its limit checked, under another cutoff."""
    records = FakeRecords(100, too_many=True)
    chain = {"startedAt": "2026-11-01T04:00:00Z", "cutoff": "2026-09-01T04:00:00Z", "recordsDeleted": 1}
    positions = {"playbacks": {"scope": "swept", "resume": '{"$numberInt": "50"}'}}

    with pytest.raises(PermanentError, match="allowAboveLimit"):
        run(records, event={"chain": chain, "positions": positions, "continuation": 1})
    told = run(records, event={"chain": {**chain, "cutoff": CUTOFF.isoformat()}, "positions": positions})

    assert (told["records_deleted"], records.left) == (50, list(range(50)))


def test_a_sweep_that_breaks_off_does_not_say_how_many_have_no_date() -> None:
    class Broken(FakeRecords):
        def count_in(self, part: Part) -> tuple[int, int]:
            return part.documents, 1

        def delete(self, part: Part) -> int:
            if len(self.left) < 50:
                raise PermanentError("MongoDB refused")
            return super().delete(part)

    failed: list[CleanupReport] = []
    with pytest.raises(PermanentError):
        run(Broken(100), failed=failed)

    (report,) = failed
    assert report.outcomes[0].undated is None
    assert report.outcomes[0].position is not None
    assert not report.outcomes[0].position.done


def test_a_collection_is_not_begun_in_the_last_moments_of_a_run() -> None:
    class Slow(FakeRecords):
        def delete(self, part: Part) -> int:
            time.sleep(0.97)
            return super().delete(part)

    slow, next_one = Slow(3), Other(100)

    told = run(slow, next_one, seconds=1)

    assert (len(slow.left), len(next_one.left)) == (0, 100)
    assert (told["stop_reason"], told["continued"]) == ("deadline", True)


def test_a_continuation_goes_on_where_the_run_stopped_in_each_collection() -> None:
    first, second = FakeRecords(100, seconds=0.1), Other(100, seconds=0.1)
    events: list[dict[str, Any]] = [{}]
    asked: list[Any] = []

    class Watched(FakeRecords):
        def next_range(self, start: Any, stop: Any, size: int) -> tuple[Part, Any]:
            asked.append(start)
            return super().next_range(start, stop, size)

    first.__class__ = Watched
    told = [run(first, second, seconds=0.5, event=event, started=events, max_continuations=14) for event in events]

    assert len(told) > 2
    assert told[-1]["stop_reason"] == "completed"
    assert (first.left, second.left) == ([], [])
    # A position is asked for once more only if a deadline left it undone.
    assert asked.count(MinKey()) == 1
    assert asked[1:] == sorted(asked[1:])
    assert len(asked) - len(set(asked[1:])) - 1 <= 4 * len(told)
    assert sum(each["records_deleted"] for each in told) == told[-1]["chain"].records_deleted == 200


@pytest.mark.parametrize(
    "position",
    [
        {"scope": "bounded", "resume": "{"},
        {"scope": "bounded", "resume": '{"$oid": "zz"}'},
        {"scope": "bounded", "resume": '{"$oid": 5}'},
        {"scope": "half"},
        {"scope": "swept", "undated": "2"},
    ],
    ids=["not JSON", "not an ObjectId", "a number for text", "unknown scope", "text for a number"],
)
def test_a_position_that_cannot_be_read_is_refused_by_its_key(position: dict[str, Any]) -> None:
    records = FakeRecords(5)

    with pytest.raises(ConfigError, match="event: positions: "):
        run(records, event={"positions": {"playbacks": position}})

    assert len(records.left) == 5


@pytest.mark.parametrize(
    "identity",
    [ObjectId(), "text", 7, Int64(7), 2.5, True, {"a": 1}, datetime(2026, 11, 1, tzinfo=UTC), MaxKey()],
    ids=lambda identity: type(identity).__name__,
)
def test_a_position_of_any_type_survives_the_event(identity: object) -> None:
    assert from_text(to_text(identity)) == identity
    assert type(from_text(to_text(identity))) is type(identity)


def test_a_sweep_in_which_nothing_is_expired_makes_progress_all_the_same() -> None:
    class Kept(FakeRecords):
        def count_in(self, part: Part) -> tuple[int, int]:
            time.sleep(0.05)
            return 0, part.documents

    events: list[dict[str, Any]] = [{}]
    told = [run(Kept(100), seconds=0.6, event=event, started=events, max_continuations=14) for event in events]

    assert [each["stop_reason"] for each in told][-2:] == ["deadline", "completed"]
    assert told[-1]["collections"][0].undated == 100


def test_what_is_archived_is_deleted_even_if_time_runs_out() -> None:
    records, archive = ArchivedRecords(1000, seconds=0.1), FakeArchive()

    told = run(records, seconds=0.5, archive=archive)

    assert told["stop_reason"] == "deadline"
    assert 0 < told["records_deleted"] == len(archive.ids) == told["archive"].documents
    assert set(records.left).isdisjoint(archive.ids)


def test_what_was_archived_for_a_batch_that_nobody_deleted_is_reported() -> None:
    records, archive = ArchivedRecords(30, seconds=0.1), FakeArchive()
    records.error = TransientError("MongoDB refused for now")
    failed: list[CleanupReport] = []

    with pytest.raises(TransientError):
        run(records, archive=archive, failed=failed)

    (report,) = failed
    assert report.archive is not None
    assert report.archive.documents == len(archive.ids) == 20


def test_a_prefetch_that_failed_for_good_outranks_a_deletion_that_failed_for_now() -> None:
    records, archive = ArchivedRecords(30, seconds=0.1), FakeArchive(ConfigError("the bucket is gone"))
    records.error = TransientError("MongoDB refused for now")

    with pytest.raises(ConfigError, match="the bucket is gone"):
        run(records, archive=archive)
