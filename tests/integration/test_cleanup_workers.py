"""The steps of a cleanup that is divided among workers, in the order of the state machine, on a real MongoDB.

A planning step divides the work into spans (ranges of `_id`), and each worker examines one span. The
next round begins with a new plan for the spans that are left.
"""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from cleanup_run import CUTOFF, NOW, answer, clean_up, figures, id_created_at
from pymongo.database import Database

from joytify_cleanup.event import MAX_WORKERS
from joytify_common.errors import PermanentError, TransientError

EXPIRED, RETAINED, WORKERS = 400, 100, 4
# Maximum size of the data that Step Functions passes from one state to the next, in bytes.
LIMIT = 256 * 1024

Document = dict[str, Any]


def played(moment: Any) -> Document:
    return {"_id": id_created_at(moment), "createdAt": moment}


def fill(database: Database[Document]) -> None:
    """Insert expired plays over several days, retained plays, and plays whose ids contain no creation time."""
    old = [played(CUTOFF - timedelta(hours=number + 1)) for number in range(EXPIRED)]
    new = [played(CUTOFF + timedelta(hours=number + 1)) for number in range(RETAINED)]
    others = [{"_id": identity, "createdAt": CUTOFF - timedelta(days=1)} for identity in ("text", True)]
    database.playbacks.insert_many(old + new + others)


def plan(database: Database[Document], event: Document) -> Document:
    """Return the answer of a planning step, as JSON."""
    told: Document = json.loads(json.dumps(answer(database, {"plan": True, "workers": WORKERS, **event})))
    return told


def work(database: Database[Document], planned: Document, span: Document, **options: Any) -> Document:
    done = {key: planned["done"][key] for key in ("startedAt", "cutoff", "testMode")}
    event = {"worker": True, "ignoreDeletionLimit": planned["ignoreDeletionLimit"], "todo": [span], "done": done}
    told: Document = json.loads(json.dumps(answer(database, event, **options)))
    return told


@pytest.fixture(autouse=True)
def _ordinary_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joytify_cleanup.collection.SWEPT_UP_TO_DOCUMENTS", 0)


@pytest.mark.parametrize("sweep", [False, True], ids=["ordinary", "sweep"])
def test_what_workers_leave_is_divided_again_until_all_is_done(database: Database[Document], *, sweep: bool) -> None:
    fill(database)
    database.playbacks.insert_one(played(CUTOFF) | {"createdAt": "2020-01-01"})
    # In the first round, a worker's deadline passes after 12 checks, when it has deleted some tens of documents.
    options: Document = {"checks": 12, "batch_size": 10, "pause": 0.001}
    planned, rounds, deleted = plan(database, {"sweep": sweep}), 0, 0

    while planned["todo"]:
        results = [work(database, planned, span, **options) for span in planned["todo"]]
        rounds, options = rounds + 1, {}
        deleted += sum(each["done"]["collections"].get("playbacks", {"deleted": 0})["deleted"] for each in results)
        planned = plan(database, {"sweep": sweep, "done": planned["done"], "results": results})
    report = clean_up(database, {"sweep": sweep, "todo": [], "done": planned["done"]})

    fan_out = figures(report)["fan_out"]
    assert rounds == 2
    assert deleted == EXPIRED + 2
    assert (fan_out.rounds, fan_out.deleted, fan_out.workers) == (2, {"playbacks": EXPIRED + 2}, WORKERS)
    assert fan_out.spans > WORKERS
    assert fan_out.longest_ms > 0
    (told,) = figures(report)["collections"]
    assert (told.deleted, told.remaining, told.undated) == (EXPIRED + 2, 0, 1 if sweep else None)
    assert report.is_complete
    assert database.playbacks.count_documents({}) == RETAINED + 1


def test_the_spans_of_object_ids_cover_equal_periods_without_gaps(database: Database[Document]) -> None:
    fill(database)

    spans = plan(database, {})["todo"]

    assert spans[0]["start"] == {"$minKey": 1}
    assert spans[-1]["stop"] == {"$maxKey": 1}
    # No span covers recent ObjectIds, so there is a gap before the last span, whose ids sort after the ObjectIds.
    assert [span["stop"] for span in spans[:-2]] == [span["start"] for span in spans[1:-1]]
    seconds = [int(span["stop"]["$oid"][:8], 16) for span in spans[1:-2]]
    lengths = {b - a for a, b in pairwise(seconds)}
    # Two more spans are for ids of other types, which sort before and after the ObjectIds.
    assert len(spans) == WORKERS + 2
    assert max(lengths) - min(lengths) <= 1


def test_no_state_exceeds_the_step_functions_payload_limit(database: Database[Document]) -> None:
    """Some workers leave spans, and some ids are too long to be passed on (MAX_ID_CHARACTERS)."""
    long_ids = [{"_id": f"{number:05}" + "x" * 900, "createdAt": CUTOFF - timedelta(days=1)} for number in range(50)]
    database.playbacks.insert_many(long_ids + [played(CUTOFF - timedelta(minutes=number)) for number in range(9000)])
    planned = plan(database, {"workers": MAX_WORKERS, "ignoreDeletionLimit": True})
    for _ in range(3):
        options: Document = {"checks": 7, "batch_size": 5, "pause": 0.001}
        results = [work(database, planned, span, **options) for span in planned["todo"]]
        size = len(json.dumps({**planned, "results": results}))
        assert any(each["left"] for each in results)
        # Extrapolate the size to two collections, each with the maximum number of spans.
        assert size * 2 * (2 * MAX_WORKERS + 2) / len(planned["todo"]) < LIMIT
        planned = plan(
            database,
            {"workers": MAX_WORKERS, "ignoreDeletionLimit": True, "done": planned["done"], "results": results},
        )


def test_a_dry_run_is_not_divided(database: Database[Document]) -> None:
    fill(database)

    planned = plan(database, {"dryRun": True})

    assert planned["todo"] == []
    assert planned["done"]["rounds"] == 0


def test_the_deletion_limit_is_checked_before_any_worker_starts_and_by_each_worker(
    database: Database[Document],
) -> None:
    database.playbacks.insert_many([played(CUTOFF - timedelta(minutes=number)) for number in range(2000)])

    with pytest.raises(PermanentError, match="ignoreDeletionLimit"):
        plan(database, {})
    allowed = plan(database, {"ignoreDeletionLimit": True})
    whole = {**allowed["todo"][0], "stop": allowed["todo"][-1]["stop"]}
    with pytest.raises(PermanentError, match="ignoreDeletionLimit"):
        work(database, {**allowed, "ignoreDeletionLimit": False}, whole)

    assert database.playbacks.count_documents({}) == 2000
    assert work(database, allowed, whole)["done"]["collections"]["playbacks"]["deleted"] > 0


def test_a_worker_without_time_to_examine_anything_is_tried_again(database: Database[Document]) -> None:
    fill(database)
    planned = plan(database, {})

    with pytest.raises(TransientError, match="no time"):
        work(database, planned, planned["todo"][1], checks=1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cutoff": (CUTOFF - timedelta(days=30)).isoformat()}, "CLEANUP_DAYS has changed"),
        ({"startedAt": (NOW + timedelta(days=1)).isoformat()}, "startedAt is in the future"),
    ],
    ids=["another retention period", "a start in the future"],
)
@pytest.mark.parametrize("step", ["plan", "worker"])
def test_a_step_with_another_cutoff_or_a_future_start_deletes_nothing(
    database: Database[Document], changes: Document, says: str, step: str
) -> None:
    fill(database)
    planned = plan(database, {})
    planned["done"] |= changes
    event = {"plan": True} if step == "plan" else {"worker": True, "todo": planned["todo"][:2]}

    with pytest.raises(PermanentError, match=says):
        answer(database, {**event, "done": planned["done"]})

    assert database.playbacks.count_documents({}) == EXPIRED + RETAINED + 2


@pytest.mark.parametrize("spans", [0, 1])
def test_a_run_whose_event_omits_work_does_not_count_as_a_success(database: Database[Document], spans: int) -> None:
    """The event may have been written by hand; a success would reset the missed-run alarm."""
    fill(database)
    planned = plan(database, {})
    started: list[Document] = []

    report = clean_up(database, {"todo": planned["todo"][:spans], "done": planned["done"]}, started=started)

    left = database.playbacks.count_documents({"createdAt": {"$lt": CUTOFF}})
    assert left > 0
    assert (report.is_complete, report.remaining) == (False, left)
    # A run that made progress continues until everything is done; otherwise a person must act.
    assert report.stop_reason == ("deadline" if spans else "no_progress")
    for following in started:
        assert clean_up(database, following).is_complete
    assert (database.playbacks.count_documents({"createdAt": {"$lt": CUTOFF}}) == 0) is bool(spans)


def test_nothing_outside_a_span_is_deleted(database: Database[Document]) -> None:
    fill(database)
    planned = plan(database, {})
    span = planned["todo"][2]
    begin, end = (int(span[key]["$oid"][:8], 16) for key in ("start", "stop"))
    before = {document["_id"] for document in database.playbacks.find()}

    work(database, planned, span)

    gone = before - {document["_id"] for document in database.playbacks.find()}
    times = [identity.generation_time.timestamp() for identity in gone]
    assert len(gone) > 50
    assert begin <= min(times) <= max(times) < end
