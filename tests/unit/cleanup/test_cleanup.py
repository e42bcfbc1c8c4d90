from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from typing import Any

import pytest
from bson import Int64, MaxKey, ObjectId
from cleanup_run import CUTOFF, NOW, clean_up, figures
from factories import metadata

from joytify_cleanup.batches import BatchOutcome
from joytify_cleanup.collection import Batch
from joytify_cleanup.event import CleanupEvent, StepFailure
from joytify_cleanup.purge import LANES_WITHOUT_PAUSE
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.retention import Kind
from joytify_cleanup.work import Counts, Done, Work
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_common.events import parse_event
from joytify_common.messages import ArchiveFigures

DONE = {"startedAt": NOW.isoformat(), "cutoff": CUTOFF.isoformat(), "testMode": False}


class FakeDocuments:
    """A small collection of numbered documents, all expired; deleting a batch takes `seconds`."""

    kind: Kind = "playbacks"
    date_index = None

    def __init__(self, expired: int, *, too_many: bool = False, known: bool = True, seconds: float = 0.0) -> None:
        self.left = list(range(expired))
        self.error: Exception | None = None
        self.running = self.max_concurrent = 0
        self._lock = Lock()
        self._too_many, self._known, self._seconds = too_many, known, seconds

    @property
    def name(self) -> str:
        return self.kind

    def check(self) -> None:
        """Accept every collection."""

    def todo(self, *, sweep: bool) -> list[Work]:
        return [Work(collection=self.kind, start=0, stop=MaxKey(), counts_undated=sweep)]

    def may_exceed(self, _percent: float, _todo: Sequence[Work], _seconds: float) -> bool:
        return self._too_many

    def count_expired(self, _todo: Sequence[Work], _seconds: float) -> int | None:
        return len(self.left) if self._known else None

    def count_left_alone(self, _todo: Sequence[Work]) -> Counts:
        return Counts(swept=False)

    def average_bytes(self) -> float:
        return 150.0

    def batch(self, work: Work, size: int) -> tuple[Batch, Work | None]:
        with self._lock:
            ids = [number for number in self.left if number >= work.start]
        span = work if len(ids) <= size else work.cut(stop=ids[size])
        rest = None if len(ids) <= size else work.cut(start=ids[size])
        return Batch({"ids": ids[:size]}, len(ids[:size]), span), rest

    def purge(self, batch: Batch, archive: object) -> BatchOutcome:
        del archive
        with self._lock:
            self.running += 1
            self.max_concurrent = max(self.max_concurrent, self.running)
        outcome = self.delete(batch)
        with self._lock:
            self.running -= 1
        return outcome

    def delete(self, batch: Batch) -> BatchOutcome:
        time.sleep(self._seconds)
        if self.error is not None:
            return BatchOutcome(failure=self.error)
        gone = set(batch.selection["ids"])
        with self._lock:
            self.left = [number for number in self.left if number not in gone]
        return BatchOutcome(Counts(deleted=len(gone)), self._seconds)


class Other(FakeDocuments):
    """Another such collection."""

    kind: Kind = "sessions"


def run(*documents: FakeDocuments, event: Any = None, **options: Any) -> dict[str, Any]:
    return figures(clean_up(documents, event, **options))


@pytest.mark.parametrize("expired", [0, 1, 10, 11, 35])
def test_everything_expired_is_deleted(expired: int) -> None:
    documents = FakeDocuments(expired)

    told = run(documents, pause=0.001)

    assert documents.left == []
    assert (told["records_deleted"], told["remaining_records"]) == (expired, 0)
    assert (told["stop_reason"], told["completion_percentage"]) == ("completed", 100.0)


def test_a_run_that_stops_at_its_deadline_reports_what_remains_and_continues() -> None:
    documents = FakeDocuments(100)
    started: list[dict[str, Any]] = []

    told = run(documents, checks=16, started=started)

    assert (told["stop_reason"], told["continued"]) == ("deadline", True)
    assert 0 < told["records_deleted"] < 100
    assert told["remaining_records"] == len(documents.left) == 100 - told["records_deleted"]
    assert len(started) == 1


def test_a_sequence_ends_after_the_continuations_that_are_allowed() -> None:
    started: list[dict[str, Any]] = []

    told = run(FakeDocuments(100), checks=16, event={"continuation": 2, "done": DONE}, started=started)

    assert (told["stop_reason"], told["continued"], started) == ("continuations_exhausted", False, [])


def test_a_run_that_could_delete_nothing_does_not_continue() -> None:
    started: list[dict[str, Any]] = []

    told = run(FakeDocuments(100), seconds=0, started=started)

    assert (told["stop_reason"], told["records_deleted"], started) == ("no_progress", 0, [])


def test_a_batch_that_fails_at_the_deadline_does_not_fail_the_run() -> None:
    documents = FakeDocuments(100, seconds=0.2)
    documents.error = TransientError("MongoDB did not answer in the time given")

    assert run(documents, seconds=0.1)["stop_reason"] == "no_progress"
    with pytest.raises(TransientError):
        run(documents, seconds=60)


def test_a_continuation_adds_the_earlier_runs_deletions() -> None:
    earlier = {**DONE, "collections": {"playbacks": {"deleted": 1000}}, "milliseconds": 800_000}

    told = run(FakeDocuments(25), event={"continuation": 1, "done": earlier})

    assert (told["records_deleted"], told["chain"].records_deleted) == (25, 1025)
    assert told["chain"].started_at == NOW
    assert told["chain"].execution_time_ms >= 800_000


def test_a_continuation_goes_on_where_the_run_stopped_in_each_collection() -> None:
    first, second = FakeDocuments(100), Other(100)
    events: list[dict[str, Any]] = [{}]

    told = [run(first, second, checks=16, event=e, started=events, max_continuations=14) for e in events]

    assert len(told) > 2
    assert told[-1]["stop_reason"] == "completed"
    assert (first.left, second.left) == ([], [])
    assert sum(each["records_deleted"] for each in told) == told[-1]["chain"].records_deleted == 200
    starts = [work["start"] for event in events[1:] for work in event["todo"] if work["collection"] == "playbacks"]
    assert starts == sorted(starts, key=lambda start: int(start["$numberInt"]))


def test_counts_that_are_unavailable_are_unknown_and_the_work_goes_on() -> None:
    told = run(FakeDocuments(100, known=False), checks=16)

    assert 0 < told["records_deleted"] < 100
    assert [told[key] for key in ("total_records_found", "remaining_records", "completion_percentage")] == [None] * 3
    assert told["collections"][0].undated is None


def test_a_collection_over_the_deletion_limit_is_kept_and_the_error_says_how_to_allow_its_deletion() -> None:
    documents = FakeDocuments(960, too_many=True)
    failed: list[CleanupReport] = []

    with pytest.raises(PermanentError, match=r'95 %\) of playbacks .*"ignoreDeletionLimit": true'):
        run(documents, failed=failed)

    assert len(documents.left) == 960
    assert failed[0].deleted == 0
    run(documents, event={"ignoreDeletionLimit": True})
    assert documents.left == []


@pytest.mark.parametrize("event", [{"todo": [], "continuation": 1, "done": DONE}, {"continuation": 1, "done": DONE}])
def test_an_event_that_imitates_a_continuation_does_not_bypass_the_deletion_limit(event: dict[str, Any]) -> None:
    """The event may have been written by hand."""
    documents = FakeDocuments(960, too_many=True)

    with pytest.raises(PermanentError, match="ignoreDeletionLimit"):
        run(documents, event=event)

    assert len(documents.left) == 960


def test_a_dry_run_counts_and_estimates_but_deletes_nothing() -> None:
    documents = FakeDocuments(25)

    told = run(documents, event={"dryRun": True})

    assert len(documents.left) == 25
    assert (told["total_records_found"], told["remaining_records"], told["records_deleted"]) == (25, 25, 0)
    assert told["completion_percentage"] == 0.0
    assert told["estimate"].bytes == 25 * 150
    assert run(FakeDocuments(20, too_many=True), event={"dryRun": True})["stop_reason"] == "deletion_limit"


def test_a_permanent_failure_of_one_thread_keeps_the_deletions_of_the_others() -> None:
    class FirstBroken(FakeDocuments):
        def delete(self, batch: Batch) -> BatchOutcome:
            if batch.selection["ids"][0] == 0:
                time.sleep(0.1)
                return BatchOutcome(Counts(deleted=1), 0.1, failure=PermanentError("MongoDB refused"))
            return super().delete(batch)

    failed: list[CleanupReport] = []
    with pytest.raises(PermanentError, match="refused"):
        run(FirstBroken(10), failed=failed)

    (report,) = failed
    assert report.deleted == 8
    # The next run of the sequence would begin with the batch that failed.
    assert report.left[0].start == 0


def test_a_permanent_error_takes_precedence_over_a_transient_one() -> None:
    class BothBroken(FakeDocuments):
        def delete(self, batch: Batch) -> BatchOutcome:
            if batch.selection["ids"][0] == 0:
                return BatchOutcome(failure=PermanentError("MongoDB refused"))
            time.sleep(0.3)
            return BatchOutcome(failure=TransientError("MongoDB did not answer in the time given"))

    with pytest.raises(PermanentError, match="refused"):
        run(BothBroken(10), seconds=0.2)


def test_a_collection_is_not_begun_once_another_ran_out_of_time() -> None:
    """The second collection's throttle has measured no latency yet, and would allow a full batch."""
    slow, next_one = FakeDocuments(100), Other(100)

    told = run(slow, next_one, checks=16)

    assert len(next_one.left) == 100
    assert [(c.deleted, c.remaining) for c in told["collections"]][1] == (0, 100)


@pytest.mark.parametrize("expired", [True, False], ids=["all expired", "all retained"])
@pytest.mark.parametrize("pause", [0.001, 0.0], ids=["a pause", "no pause"])
def test_batches_grow_again_after_the_server_has_stalled(
    pause: float, monkeypatch: pytest.MonkeyPatch, *, expired: bool
) -> None:
    sizes, numbers = list[int](), count(1)

    class Stalling(FakeDocuments):
        def delete(self, batch: Batch) -> BatchOutcome:
            sizes.append(batch.documents)
            outcome = super().delete(batch) if expired else BatchOutcome(Counts())
            return replace(outcome, seconds=60.0 if next(numbers) == 5 else 1e-6 * batch.documents)

    monkeypatch.setattr("joytify_cleanup.throttle.MAX_PAUSE_SECONDS", 0.01)
    run(Stalling(20_000), batch_size=2000, pause=pause, seconds=3600)

    # The last batches may be smaller, since few documents are left.
    smallest = sizes.index(min(sizes[:-LANES_WITHOUT_PAUSE]))
    assert sizes[smallest] < sizes[0]
    assert sizes[0] in sizes[smallest:]


@pytest.mark.parametrize(("pause", "most"), [(0.01, 1), (0.0, LANES_WITHOUT_PAUSE)], ids=["a pause", "no pause"])
def test_with_a_pause_the_server_gets_one_command_at_a_time(pause: float, most: int) -> None:
    documents = FakeDocuments(60, seconds=0.05)

    told = run(documents, pause=pause)

    assert told["records_deleted"] == 60
    assert documents.max_concurrent == most


def test_what_is_archived_is_reported_even_if_the_batch_fails() -> None:
    class Archived(FakeDocuments):
        def delete(self, batch: Batch) -> BatchOutcome:
            figures = ArchiveFigures(objects=1, documents=batch.documents, bytes=9)
            failure = TransientError("MongoDB temporarily refused") if batch.selection["ids"][0] else None
            return BatchOutcome(Counts(deleted=0), 0.0, figures, failure)

    class Bucket:
        def check(self) -> None:
            """Accept the bucket: it exists."""

    failed: list[CleanupReport] = []
    with pytest.raises(TransientError):
        run(Archived(20), archive=Bucket(), pause=0.001, failed=failed)

    assert failed[0].own is not None
    assert failed[0].own.archive == ArchiveFigures(objects=2, documents=20, bytes=18)


@pytest.mark.parametrize(
    "identity",
    [ObjectId(), "text", 7, Int64(7), 2.5, True, None, {"a": 1}, datetime(2026, 11, 1, tzinfo=UTC), MaxKey()],
    ids=lambda identity: type(identity).__name__,
)
def test_an_id_of_any_type_survives_the_event(identity: object) -> None:
    work = Work(collection="playbacks", start=identity, stop=MaxKey())
    event = parse_event(CleanupEvent, {"continuation": 1, "done": DONE, "todo": [work.model_dump(mode="json")]})

    (found,) = parse_event(CleanupEvent, event.payload()).todo or ()

    assert found == work
    assert type(found.start) is type(identity)


SPAN = {"collection": "playbacks", "start": {"$minKey": 1}, "stop": {"$maxKey": 1}}


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"worker": True}, "worker needs todo and done"),
        ({"worker": True, "plan": True, "todo": [], "done": DONE}, "cannot be combined with plan"),
        ({"todo": []}, "continuation, todo and results need done"),
        ({"continuation": 1}, "continuation, todo and results need done"),
        ({"plan": True, "workers": 0}, "workers: .*1 to 64"),
        ({"plan": True, "workers": 65}, "workers: .*1 to 64"),
        ({"collection": "users"}, "collection: .*playbacks or sessions"),
        ({"done": DONE, "todo": [{**SPAN, "collection": "users"}]}, "todo"),
        ({"done": DONE, "todo": [{**SPAN, "start": {"$oid": "zz"}}]}, "todo"),
        ({"done": DONE, "todo": [{**SPAN, "position": 1}]}, "todo"),
        ({"done": DONE, "todo": [{"collection": "playbacks"}]}, "todo"),
        ({"done": {**DONE, "testMode": "no"}, "todo": []}, "done"),
        ({"done": {"testMode": False}, "todo": []}, "done"),
    ],
)
def test_a_wrong_event_is_refused_with_an_error_that_names_the_key(event: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=f"^event: .*{says}"):
        parse_event(CleanupEvent, event)


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (json.dumps({"errorType": "ConfigError", "errorMessage": "event: todo: wrong"}), "event: todo: wrong"),
        ("Task timed out", "Task timed out"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_a_step_that_failed_is_an_error_of_the_fan_out(cause: str, text: str) -> None:
    failure = StepFailure.model_validate({"Error": "E", "Cause": cause}).as_failure()

    assert (failure.stage, str(failure.error)) == ("fan-out", f"E: {text}")
    assert isinstance(failure.error, PermanentError)


def test_a_divided_run_that_failed_reports_what_its_workers_deleted() -> None:
    done = Done.model_validate_json(
        json.dumps({**DONE, "rounds": 1, "spans": 4, "collections": {"playbacks": {"deleted": 7}}})
    )
    failure = StepFailure.model_validate({"Error": "States.Timeout"}).as_failure()

    data = CleanupReport(before=done).failure(metadata(), failure).data

    assert data.records_deleted == 7
    assert data.fan_out is not None
    assert data.fan_out.deleted == {"playbacks": 7}


def test_the_results_of_the_last_round_are_not_lost_if_the_next_plan_fails() -> None:
    before = {**DONE, "collections": {"playbacks": {"deleted": 7}}}
    results = [{"done": before, "left": []}, {"done": before, "left": []}]
    event = parse_event(CleanupEvent, {"done": before, "results": results, "todo": [], "failure": {"Error": "E"}})

    done = event.done_so_far()

    assert done is not None
    assert done.deleted == 21


def test_a_collection_that_was_not_begun_is_not_reported_as_swept() -> None:
    told = run(FakeDocuments(100), Other(100), checks=16)

    assert [each.scope for each in told["collections"]] == ["ordinary", "ordinary"]


def test_an_interrupted_sweep_does_not_report_how_many_documents_it_left_alone() -> None:
    class Broken(FakeDocuments):
        def delete(self, batch: Batch) -> BatchOutcome:
            failure = TransientError("MongoDB did not answer in the time given")
            return BatchOutcome(Counts(undated=batch.documents), failure=failure)

    failed: list[CleanupReport] = []
    with pytest.raises(TransientError):
        run(Broken(10), event={"sweep": True}, failed=failed)

    assert not failed[0].outcomes[0].purged.counts.swept


def test_a_continuation_keeps_the_mode_of_its_sequence_and_is_never_skipped() -> None:
    event = parse_event(CleanupEvent, {"scheduleMode": "production", "done": {**DONE, "testMode": True}})

    assert event.runs_in_test_mode("production")
    assert event.skip_reason("test_auto") is None
    production = parse_event(CleanupEvent, {"done": DONE})
    with pytest.raises(PermanentError, match="SCHEDULE_MODE has changed"):
        production.done_before(NOW, 60, test_mode=production.runs_in_test_mode("test_auto"))


@pytest.mark.parametrize(
    ("raw", "is_for_caller_only"),
    [({"worker": True}, True), ({"plan": True, "todo": 7}, True), ({"plan": 1}, False), ({}, False), (None, False)],
)
def test_the_outcome_of_a_plan_or_a_worker_is_for_the_caller_only(raw: object, *, is_for_caller_only: bool) -> None:
    assert CleanupEvent.is_for_caller_only(raw) is is_for_caller_only
