"""How many documents a run examines, and which expired ones it finds, in a collection of mostly retained documents."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Int64, MaxKey, MinKey, ObjectId, Timestamp
from cleanup_run import CUTOFF, NOW, Options, clean_up, documents_of, id_created_at
from cleanup_run import figures as figures_of
from forks import forks
from pymongo import MongoClient
from pymongo.database import Database

from joytify_cleanup.collection import CLOCK_MARGIN
from joytify_cleanup.report import CleanupReport
from joytify_common.errors import PermanentError
from joytify_common.messages import CollectionFigures

OLD = CUTOFF - timedelta(days=900)
# A run sweeps (examines every document of) a collection of up to this size, even if its event does not ask for a sweep.
# This is a fifth of the production value, to keep the tests fast.
SWEPT_UP_TO_DOCUMENTS = 4000
KEPT = SWEPT_UP_TO_DOCUMENTS + 1000
EXPIRED = 2000
# A run also reads the documents within CLOCK_MARGIN after the cutoff; the tests create one per minute.
MARGIN = round(CLOCK_MARGIN / timedelta(minutes=1))
# After this many deadline checks, a run has deleted some batches but not all.
CHECKS = 30

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def _small_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joytify_cleanup.collection.SWEPT_UP_TO_DOCUMENTS", SWEPT_UP_TO_DOCUMENTS)


def played(moment: datetime, **more: object) -> Document:
    return {"_id": id_created_at(moment), "createdAt": moment, "user": ObjectId(), **more}


@cache
def retained() -> list[Document]:
    return [played(CUTOFF + timedelta(minutes=n)) for n in range(KEPT)]


@cache
def expired() -> list[Document]:
    return [played(CUTOFF - timedelta(minutes=1 + n)) for n in range(EXPIRED)]


def clean(database: Database[Document], event: Document | None = None, **options: Any) -> CleanupReport:
    return clean_up(database, event, **{"batch_size": 500, **options})


def figures(report: CleanupReport) -> CollectionFigures:
    told: tuple[CollectionFigures, ...] = figures_of(report)["collections"]
    return told[0]


def examined_by_runs(reports: list[CleanupReport]) -> int:
    return sum(report.outcomes[0].purged.examined for report in reports)


def ids(database: Database[Document]) -> set[object]:
    return {document["_id"] for document in database.playbacks.find({}, {"_id": 1})}


def examined(mongodb: MongoClient[Document]) -> int:
    """Return how many documents the server has examined since it started."""
    metrics = mongodb.admin.command("serverStatus")["metrics"]["queryExecutor"]
    return int(metrics["scannedObjects"])


@pytest.mark.parametrize("pause", [0, 0.001], ids=["no pause", "a pause"])
def test_a_run_reads_what_is_expired_and_not_what_is_kept(
    mongodb: MongoClient[Document], database: Database[Document], pause: float
) -> None:
    kept = retained()
    database.playbacks.insert_many(kept + expired())
    before = examined(mongodb)

    report = clean(database, pause=pause)

    assert examined(mongodb) - before <= EXPIRED + MARGIN
    assert ids(database) == {document["_id"] for document in kept}
    told = figures(report)
    assert (told.scope, told.found, told.deleted, told.remaining, told.undated) == (
        "ordinary",
        EXPIRED,
        EXPIRED,
        0,
        None,
    )


def test_clocks_that_are_off_by_an_hour_change_nothing(database: Database[Document]) -> None:
    hour, kept = timedelta(hours=1), retained()
    before, after = CUTOFF - timedelta(milliseconds=1), CUTOFF
    late = [played(before, _id=id_created_at(CUTOFF + hour)), played(before, _id=id_created_at(CUTOFF - hour))]
    early = [played(after, _id=id_created_at(CUTOFF - hour)), played(after, _id=id_created_at(CUTOFF + hour))]
    database.playbacks.insert_many(kept + late + early)

    report = clean(database)

    assert figures(report).scope == "ordinary"
    assert ids(database) == {document["_id"] for document in kept + early}


def test_a_document_with_an_old_id_and_a_date_after_the_cutoff_is_kept(database: Database[Document]) -> None:
    old = [played(CUTOFF + timedelta(days=1), _id=id_created_at(CUTOFF - timedelta(days=900))) for _ in range(1000)]
    kept = retained() + old
    database.playbacks.insert_many(kept + expired())

    report = clean(database)

    assert (figures(report).scope, report.deleted) == ("ordinary", EXPIRED)
    assert ids(database) == {document["_id"] for document in kept}


def test_expired_documents_with_recent_ids_are_left_for_the_next_sweep_and_the_report_shows_its_scope(
    database: Database[Document],
) -> None:
    kept = [*retained(), {"_id": id_created_at(NOW), "createdAt": "2020-01-01"}]
    imported = [played(CUTOFF - timedelta(days=9), _id=id_created_at(NOW)) for _ in range(30)]
    database.playbacks.insert_many(kept + imported)

    ordinary = figures(clean(database))
    left = ids(database)
    swept = figures(clean(database, {"sweep": True}))

    assert (ordinary.scope, ordinary.deleted, ordinary.undated) == ("ordinary", 0, None)
    assert left == {document["_id"] for document in kept + imported}
    assert (swept.scope, swept.deleted, swept.undated) == ("sweep", 30, 1)
    assert ids(database) == {document["_id"] for document in kept}


def test_a_small_collection_is_swept_anyway(database: Database[Document]) -> None:
    imported = [played(CUTOFF - timedelta(days=9), _id=id_created_at(NOW)) for _ in range(30)]
    database.playbacks.insert_many(retained()[: SWEPT_UP_TO_DOCUMENTS - 30] + imported)

    told = figures(clean(database))

    assert (told.scope, told.deleted) == ("sweep", 30)


OTHERS: dict[str, list[object]] = {
    "text": ["a", "b", "c"],
    "numbers": [-1, 2.5, Int64(7)],
    "boolean": [False, True],
    "objects": [{"a": 1}, {"a": 2}],
    "null": [None],
    "dates": [OLD, NOW],
    "smallest and largest": [MinKey(), MaxKey()],
    "all": [MinKey(), None, -1, 2.5, "a", {"a": 1}, Binary(b"a", 4), False, True, OLD, NOW, Timestamp(1, 1), MaxKey()],
    "many numbers": list(range(1500)),
}


@pytest.mark.parametrize("sweep", [False, True], ids=["ordinary", "sweep"])
@pytest.mark.parametrize("identities", OTHERS.values(), ids=OTHERS.keys())
def test_ids_of_another_type_are_examined_by_every_run(
    database: Database[Document], identities: list[object], *, sweep: bool
) -> None:
    """Such ids contain no creation time. The first document of each list is retained; the others have expired."""
    first, *others = identities
    kept = [*retained(), played(CUTOFF, _id=first)]
    old = expired() + [played(CUTOFF - timedelta(days=9), _id=identity) for identity in others]
    database.playbacks.insert_many(kept + old)

    tried = figures(clean(database, {"sweep": sweep, "dryRun": True}))
    told = figures(clean(database, {"sweep": sweep}))

    assert (told.scope, told.deleted, told.remaining) == ("sweep" if sweep else "ordinary", len(old), 0)
    assert (tried.found, tried.deleted) == (len(old), 0)
    assert len(list(database.playbacks.find())) == len(kept)
    assert [document["createdAt"] for document in database.playbacks.find({"_id": first})] == [CUTOFF]


@pytest.mark.parametrize("index", [False, True], ids=["no index", "index on the date"])
@pytest.mark.parametrize("sweep", [False, True], ids=["ordinary", "sweep"])
@pytest.mark.parametrize(
    ("limit", "expired_share", "exceeds"),
    [(95, 0.94, False), (95, 0.96, True), (20, 0.18, False), (20, 0.22, True), (50, 0.49, False), (100, 1.0, False)],
)
def test_the_deletion_limit_check_reads_documents_only_if_the_indexes_are_not_enough(
    mongodb: MongoClient[Document],
    database: Database[Document],
    limit: float,
    expired_share: float,
    *,
    exceeds: bool,
    sweep: bool,
    index: bool,
) -> None:
    share = expired_share
    number = round(KEPT * share)
    old = [played(CUTOFF - timedelta(minutes=1 + n)) for n in range(number)]
    kept = [played(CUTOFF + timedelta(days=1, minutes=n)) for n in range(KEPT - number)]
    database.playbacks.insert_many(kept + old)
    if index:
        database.playbacks.create_index("createdAt")
    documents = documents_of(database.playbacks, Options())
    todo = documents.todo(sweep=sweep)
    before = examined(mongodb)

    assert documents.may_exceed(limit, todo, 20) is exceeds
    # For a sweep without an index on the date, the check scans the collection from the document inserted last, until it
    # has found enough retained documents. Here the expired documents were inserted last, so the scan reads all of them
    # first.
    most = 3 * KEPT if exceeds or (sweep and not index) else 0
    assert examined(mongodb) - before <= most


@pytest.mark.parametrize("identity", [str, datetime], ids=["text", "dates, which sort after ObjectIds"])
def test_the_deletion_limit_holds_for_ids_of_another_type(database: Database[Document], identity: type) -> None:
    old = [
        played(CUTOFF - timedelta(days=1), _id=str(n) if identity is str else NOW + timedelta(minutes=n))
        for n in range(KEPT)
    ]
    database.playbacks.insert_many(old)

    with pytest.raises(PermanentError, match="ignoreDeletionLimit"):
        clean(database)

    assert database.playbacks.estimated_document_count() == KEPT


@pytest.mark.parametrize("key", [[("createdAt", 1)], [("createdAt", -1), ("user", 1)]], ids=["date", "date and more"])
def test_an_index_on_the_date_finds_everything_whatever_the_ids(
    mongodb: MongoClient[Document], database: Database[Document], key: list[tuple[str, int]]
) -> None:
    kept = retained()
    imported = [played(CUTOFF - timedelta(days=9), _id=identity) for identity in (id_created_at(NOW), "text", 7)]
    imported += [played(CUTOFF - timedelta(days=9), _id=id_created_at(NOW)) for _ in range(EXPIRED)]
    database.playbacks.insert_many(kept + expired() + imported)
    database.playbacks.create_index(key)
    before = examined(mongodb)

    told = figures(clean(database, batch_size=5000))

    read = examined(mongodb) - before
    assert (told.scope, told.deleted, told.remaining) == ("ordinary", EXPIRED + len(imported), 0)
    assert ids(database) == {document["_id"] for document in kept}
    # A document with an old `_id` is found by `_id` and read once; an expired document with a recent ObjectId is found
    # by the date index and read twice. Of the retained documents, only those within CLOCK_MARGIN after the cutoff are
    # read.
    assert read <= EXPIRED + MARGIN + 2 * len(imported) + 500


@pytest.mark.parametrize("drop", [False, True], ids=["index stays", "index goes"])
def test_a_sequence_that_uses_an_index_completes_even_if_the_index_is_dropped(
    database: Database[Document], *, drop: bool
) -> None:
    kept = retained()
    imported = [played(CUTOFF - timedelta(days=9), _id=id_created_at(NOW)) for _ in range(KEPT)]
    database.playbacks.insert_many(kept + expired() + imported)
    name = database.playbacks.create_index("createdAt")
    events: list[Document] = [{}]
    options: Document = {"checks": CHECKS, "pause": 0.001, "batch_size": 200, "max_continuations": 200}

    reports = []
    for event in events:
        reports.append(clean(database, event, started=events, **options))
        if drop and len(reports) == 1:
            database.playbacks.drop_index(name)

    assert len(reports) > 2
    assert reports[-1].stop_reason == "completed"
    left = {document["_id"] for document in (kept + imported if drop else kept)}
    assert ids(database) == left
    assert {document["_id"] for document in kept} <= left
    # What was examined by `_id` in one run is not examined again in the next.
    total = EXPIRED + MARGIN + (0 if drop else len(imported))
    assert examined_by_runs(reports) <= total + options["batch_size"] * len(reports)


@pytest.mark.parametrize(
    "options",
    [{"hidden": True}, {"partialFilterExpression": {"user": {"$exists": True}}}],
    ids=["hidden", "partial"],
)
def test_a_hidden_or_partial_index_is_not_used(database: Database[Document], options: Document) -> None:
    kept = retained()
    database.playbacks.insert_many(kept + expired())
    database.playbacks.create_index("createdAt", **options)

    told = figures(clean(database))

    assert (told.scope, told.deleted) == ("ordinary", EXPIRED)


def test_a_batch_too_large_for_a_transaction_is_still_deleted(
    mongodb: MongoClient[Document], database: Database[Document]
) -> None:
    database.playbacks.insert_many([played(CUTOFF - timedelta(seconds=1 + n)) for n in range(20_000)] + retained())
    limited = {"configureFailPoint": "failCommand", "mode": {"times": 1}}
    # The server's error for a transaction that is too large for the server's cache.
    mongodb.admin.command({**limited, "data": {"failCommands": ["commitTransaction"], "errorCode": 388}})

    report = clean(database, batch_size=100_000, pause=0.1)

    assert (report.deleted, database.playbacks.estimated_document_count()) == (20_000, KEPT)


@pytest.mark.parametrize("sweep", [False, True], ids=["ordinary", "sweep"])
def test_each_run_of_a_sequence_makes_progress_and_goes_on_where_the_last_stopped(
    database: Database[Document], *, sweep: bool
) -> None:
    kept = retained()
    database.playbacks.insert_many(kept + expired())
    events: list[Document] = [{"sweep": sweep}]
    options: Document = {"checks": CHECKS, "pause": 0.001, "batch_size": 100, "max_continuations": 200}

    reports = [clean(database, event, started=events, **options) for event in events]

    assert len(reports) > 2
    assert all(report.outcomes[0].purged.examined for report in reports)
    assert reports[-1].stop_reason == "completed"
    assert figures(reports[-1]).undated == (0 if sweep else None)
    assert ids(database) == {document["_id"] for document in kept}
    # Each document in the spans was examined exactly once.
    assert examined_by_runs(reports) == EXPIRED + (KEPT if sweep else MARGIN)


RUN = """
import json
from pathlib import Path
from pymongo import MongoClient
from joytify_cleanup import collection
from test_cleanup_examined import CHECKS, SWEPT_UP_TO_DOCUMENTS, clean

collection.SWEPT_UP_TO_DOCUMENTS = SWEPT_UP_TO_DOCUMENTS

def run(uri, database, file):
    position = Path(file)
    with MongoClient(uri, tz_aware=True) as client:
        while (event := json.loads(position.read_text())) is not None:
            started = []
            options = {"checks": CHECKS, "batch_size": 100, "pause": 0.02, "max_continuations": 1000}
            clean(client[database], event, started=started, **options)
            # Replace the stored event only now: Lambda, too, keeps an asynchronous event until its run has ended.
            position.with_suffix(".new").write_text(json.dumps(started[0] if started else None))
            position.with_suffix(".new").rename(position)
"""
KILLS = 6


@pytest.mark.parametrize("sweep", [False, True], ids=["ordinary", "sweep"])
def test_a_sequence_whose_runs_are_killed_at_random_moments_completes(
    database: Database[Document], mongodb_uri: str, tmp_path: Path, *, sweep: bool
) -> None:
    """Each run is ended by SIGKILL at a random moment, and its event is delivered again."""
    kept = retained()
    database.playbacks.insert_many(kept + expired())
    position = tmp_path / "event.json"
    position.write_text(json.dumps({"sweep": sweep}))
    chance = random.Random(20261101)  # noqa: S311 - moments, not secrets
    arguments = (mongodb_uri, database.name, str(position))
    with forks(RUN) as runs:
        for _ in range(KILLS):
            runs.kill(chance.uniform(0, 0.8), *arguments)
        assert {document["_id"] for document in kept} <= ids(database)
        assert runs.run(*arguments) == 0
    assert ids(database) == {document["_id"] for document in kept}
    assert json.loads(position.read_text()) is None
