"""What the steps of the state machine pass to one another, and the keys of the event that carry it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from factories import NOW

from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.fan_out import worker_outcome
from joytify_cleanup.ranges import TimeRange
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.scope import Position, to_text
from joytify_cleanup.steps import StepFailure, WorkerResult, remainder, with_plan, with_results
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_common.events import parse_event
from joytify_common.messages import ArchiveFigures, FanOut
from joytify_common.outcome import Completed, Failed, Failure

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = TimeRange(start=START, end=START + timedelta(days=1))
RANGE = {"from": "2026-01-01T00:00Z", "to": "2026-01-02T00:00Z"}
NAMES: Any = {"playbacks": "test_playbacks"}
FAN_OUT = FanOut(started_at=NOW, cutoff=START, test_mode=True)
WORKER = {"worker": True, "collection": "playbacks", "range": RANGE}


def at(moment: datetime) -> dict[str, Position]:
    return {"playbacks": Position(scope="range", resume=to_text(ObjectId.from_datetime(moment)))}


def test_what_is_left_of_a_range_begins_in_the_second_in_which_the_run_stopped() -> None:
    noon = START + timedelta(hours=12)

    assert remainder(DAY, at(noon)) == TimeRange(start=noon, end=DAY.end)
    assert remainder(DAY, at(START - timedelta(days=1))) == DAY
    assert remainder(DAY, at(DAY.end)) is None
    assert remainder(DAY, {"playbacks": Position(scope="range")}) == DAY


def test_rounds_add_up_and_a_plan_without_ranges_is_none() -> None:
    def result(deleted: int, milliseconds: int, objects: int | None = None) -> WorkerResult:
        archive = None if objects is None else ArchiveFigures(objects=objects, documents=deleted, bytes=9)
        return WorkerResult(collection="playbacks", deleted=deleted, milliseconds=milliseconds, archive=archive)

    first = with_results(with_plan(FAN_OUT, ranges=2, workers=2), [result(5, 30, 1), result(7, 20, 2)], NAMES)
    both = with_results(with_plan(first, ranges=1, workers=1), [result(1, 10)], NAMES)

    assert (both.rounds, both.ranges, both.workers, both.longest_ms) == (2, 3, 2, 30)
    assert both.deleted == {"test_playbacks": 13}
    assert both.archive is not None
    assert (both.archive.objects, both.archive.documents) == (3, 12)
    assert with_plan(both, ranges=0, workers=1) == both


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (json.dumps({"errorType": "ConfigError", "errorMessage": "event: range: wrong"}), "event: range: wrong"),
        ("Task timed out", "Task timed out"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_a_step_that_failed_is_an_error_of_the_fan_out(cause: str, text: str) -> None:
    failure = StepFailure.model_validate({"Error": "E", "Cause": cause}).failure()

    assert (failure.stage, str(failure.error)) == ("fan-out", f"E: {text}")
    assert isinstance(failure.error, PermanentError)


def test_a_worker_without_time_to_examine_anything_is_tried_again() -> None:
    event = parse_event(CleanupEvent, WORKER)

    outcome = worker_outcome(event, Completed(CleanupReport(stop_reason="no_progress")))

    assert isinstance(outcome, Failed)
    assert isinstance(outcome.failure.error, TransientError)
    assert "no time" in str(outcome.failure.error)


def test_a_workers_failure_stays_what_it_is() -> None:
    failed = Failed(CleanupReport(), Failure(PermanentError("why"), "delete playbacks"))

    assert worker_outcome(parse_event(CleanupEvent, WORKER), failed) is failed


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"plan": True, "collection": "playbacks", "range": RANGE}, "plan: .*cannot be confined to a range"),
        ({"worker": True}, "worker: .*needs a range"),
        ({"range": RANGE}, "range: .*needs a collection"),
        ({"plan": True, "maxWorkers": 0}, "maxWorkers: .*1 to 1000"),
    ],
)
def test_keys_that_do_not_go_together_are_named(event: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        parse_event(CleanupEvent, event)


def test_a_step_works_in_its_executions_mode_and_clock_whatever_the_secret_says_by_then() -> None:
    told = {**WORKER, "scheduleMode": "production", "fanOut": FAN_OUT.model_dump(mode="json", by_alias=True)}

    event = parse_event(CleanupEvent, told)

    assert event.runs_in_test_mode("production")
    assert event.skip_reason("test_auto") is None
    assert event.clock(NOW + timedelta(hours=1)) == NOW
    assert event.is_at(START)
    assert not event.is_at(START + timedelta(days=1))


@pytest.mark.parametrize(
    ("raw", "is_for_caller_only"),
    [(WORKER, True), ({"plan": True, "range": 7}, True), ({"plan": 1}, False), ({}, False), (None, False)],
)
def test_what_a_step_comes_to_is_for_the_state_machine(raw: object, *, is_for_caller_only: bool) -> None:
    assert CleanupEvent.is_for_caller_only(raw) is is_for_caller_only
