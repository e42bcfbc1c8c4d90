"""The steps of a divided cleanup, one after the other as the state machine calls them, on a real MongoDB."""

from __future__ import annotations

import struct
import time
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from cleanup_run import CUTOFF, NOW, clean_up, purge

from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.expired import ExpiredDocuments
from joytify_cleanup.fan_out import FanOutPlan, worker_outcome
from joytify_cleanup.plan import Planner
from joytify_cleanup.retention import Policy
from joytify_common.deadline import Deadline
from joytify_common.errors import PermanentError
from joytify_common.events import parse_event
from joytify_common.outcome import Answered, Completed, Failed

if TYPE_CHECKING:
    from pymongo.database import Database

    from joytify_cleanup.report import CleanupReport

POLICY = Policy("playbacks", "createdAt")
EXPIRED = 400
NUMBERS = count()
# A worker is expected to delete a hundred in the half of its time that is planned.
PLANNER = Planner(capacity=4, server="a test", rate=200.0, seconds=1.0)

Document = dict[str, Any]


def fill(database: Database[Document], retained: int = 100) -> None:
    times = [CUTOFF - timedelta(hours=number + 1) for number in range(EXPIRED)]
    times += [CUTOFF + timedelta(hours=number + 1) for number in range(retained)]
    ids = [ObjectId(struct.pack(">IQ", int(moment.timestamp()), next(NUMBERS))) for moment in times]
    database.playbacks.insert_many(
        [{"_id": each, "createdAt": moment} for each, moment in zip(ids, times, strict=True)]
    )


def collections(database: Database[Document], deadline: Deadline) -> list[ExpiredDocuments]:
    return [ExpiredDocuments(database, POLICY, CUTOFF, deadline)]


def plan(database: Database[Document], event: Document) -> Document | Failed[CleanupReport]:
    parsed = parse_event(CleanupEvent, {"plan": True, **event})
    deadline = Deadline(time.monotonic() + 60)
    outcome = FanOutPlan(
        event=parsed,
        started_at=NOW,
        cutoff=CUTOFF,
        test_mode=parsed.test_mode,
        purge=purge(parsed, deadline),
        kinds={"playbacks": "playbacks"},
        planner=lambda: PLANNER,
    ).run(collections(database, deadline))
    if isinstance(outcome, Failed):
        return outcome
    assert isinstance(outcome, Answered)
    return dict(outcome.data)


def planned(database: Database[Document], event: Document) -> Document:
    answer = plan(database, event)
    assert not isinstance(answer, Failed)
    return answer


def work(database: Database[Document], event: Document, **options: Any) -> Document:
    """Return what a worker answers."""
    report = clean_up(lambda deadline: collections(database, deadline), event=event, **options)
    outcome = worker_outcome(parse_event(CleanupEvent, event), Completed(report))
    assert isinstance(outcome, Answered), outcome
    return dict(outcome.data)


def as_worker(each: Document, fan_out: Document) -> Document:
    kept = {key: fan_out[key] for key in ("startedAt", "cutoff", "testMode")}
    return {"worker": True, "collection": each["collection"], "range": each["range"], "fanOut": kept}


def test_what_workers_leave_is_planned_again_until_all_is_done(database: Database[Document]) -> None:
    fill(database)
    # No range holds an id that tells no time.
    database.playbacks.insert_one({"_id": "text", "createdAt": CUTOFF - timedelta(days=1)})
    # A worker of the first round checks its deadline so often until it has deleted some tens of its hundred.
    options: Document = {"checks": 30, "batch_size": 10, "pause": 0.001}
    answer, rounds, deleted = planned(database, {}), 0, 0

    while answer["ranges"]:
        fan_out = answer["fanOut"]
        results = [work(database, as_worker(each, fan_out), **options) for each in answer["ranges"]]
        rounds, deleted, options = rounds + 1, deleted + sum(each["deleted"] for each in results), {}
        passed_on = {key: answer[key] for key in ("fanOut", "positions", "pending")}
        answer = planned(database, {**passed_on, "results": results})
    reported = {key: answer[key] for key in ("fanOut", "positions")}
    report = clean_up(lambda deadline: collections(database, deadline), event=reported)

    assert rounds == 2
    assert answer["fanOut"]["rounds"] == 2
    assert answer["fanOut"]["ranges"] > 4
    assert answer["fanOut"]["deleted"] == {"playbacks": deleted} == {"playbacks": EXPIRED}
    assert answer["fanOut"]["longestMs"] > 0
    assert report.deleted == EXPIRED + 1
    assert report.outcomes[0].remaining == 0
    assert database.playbacks.count_documents({}) == 100


def test_a_worker_that_left_nothing_says_so(database: Database[Document]) -> None:
    fill(database)
    (each, *_) = planned(database, {})["ranges"]

    result = work(database, as_worker(each, planned(database, {})["fanOut"]))

    assert result["deleted"] == pytest.approx(each["documents"], abs=1)
    assert result["left"] is None


def test_a_dry_run_is_not_divided(database: Database[Document]) -> None:
    fill(database)

    answer = planned(database, {"dryRun": True})

    assert answer["ranges"] == []
    assert answer["reason"] == "a dry run is not divided"
    assert answer["fanOut"]["rounds"] == 0


def test_the_deletion_limit_ends_it_before_any_range(database: Database[Document]) -> None:
    fill(database, retained=10)
    database.playbacks.insert_many([{"createdAt": CUTOFF - timedelta(days=1)} for _ in range(600)])

    refused = plan(database, {})

    assert isinstance(refused, Failed)
    assert (refused.failure.stage, type(refused.failure.error)) == ("brake", PermanentError)
    assert planned(database, {"allowAboveLimit": True})["ranges"]


@pytest.mark.parametrize("step", ["plan", "worker"])
def test_another_cutoff_than_the_plans_is_refused(database: Database[Document], step: str) -> None:
    fill(database)
    answer = planned(database, {})
    other = {**answer["fanOut"], "cutoff": (CUTOFF - timedelta(days=30)).isoformat()}

    if step == "plan":
        refused = plan(database, {"fanOut": other})
        assert isinstance(refused, Failed)
        error: Exception = refused.failure.error
    else:
        with pytest.raises(PermanentError) as raised:
            work(database, as_worker(answer["ranges"][0], other))
        error = raised.value

    assert "CLEANUP_DAYS has changed" in str(error)
    assert database.playbacks.count_documents({}) == EXPIRED + 100
