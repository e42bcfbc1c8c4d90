"""Cleanup on a real MongoDB: what is deleted, and above all what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Int64, ObjectId, Timestamp
from cleanup_run import CUTOFF, clean_up
from cleanup_run import figures as figures_of
from pymongo.database import Database

from joytify_cleanup.database_size import days_until_full, forecast, measure
from joytify_common.errors import PermanentError

MILLISECOND = timedelta(milliseconds=1)
OLD, NEW = CUTOFF - timedelta(days=1), CUTOFF + timedelta(days=1)
SIZE = 10

Document = dict[str, Any]


def clean(database: Database[Document], event: Document | None = None, **options: Any) -> Document:
    """Run once on both collections and return the summary's fields; `cleanup_run.Options` describes the options."""
    return figures_of(clean_up(database, event, batch_size=SIZE, kinds=("playbacks", "sessions"), **options))


def playback(date: object) -> Document:
    return {"user": ObjectId(), "song": ObjectId(), "artist": ObjectId(), "duration": 200, "createdAt": date}


def session(date: object) -> Document:
    return {"user": ObjectId(), "status": {"online": False, "lastActive": date}, "createdAt": OLD}


@pytest.mark.parametrize("index", [False, True], ids=["no index", "index on createdAt"])
@pytest.mark.parametrize("expired", [0, 1, SIZE - 1, SIZE, SIZE + 1, SIZE * 7 // 2])
def test_exactly_the_expired_are_deleted_at_every_batch_boundary(
    database: Database[Document], expired: int, *, index: bool
) -> None:
    documents = [playback(OLD + timedelta(minutes=n)) for n in range(expired)]
    retained = [playback(CUTOFF + timedelta(minutes=n)) for n in range(25)]
    # Interleave expired and retained documents, so that batches contain both if there are enough.
    mixed = [document for pair in zip(documents, retained, strict=False) for document in pair]
    rest = documents[len(retained) :] + retained[len(documents) :]
    database.playbacks.insert_many(mixed + rest)
    if index:
        database.playbacks.create_index("createdAt")

    figures = clean(database)

    assert {d["_id"] for d in database.playbacks.find()} == {d["_id"] for d in retained}
    assert (figures["records_deleted"], figures["total_records_found"], figures["remaining_records"]) == (
        expired,
        expired,
        0,
    )


def test_a_document_dated_exactly_at_the_cutoff_is_retained(database: Database[Document]) -> None:
    database.playbacks.insert_many([playback(CUTOFF - MILLISECOND), playback(CUTOFF), playback(CUTOFF + MILLISECOND)])

    clean(database)

    assert sorted(d["createdAt"] for d in database.playbacks.find()) == [CUTOFF, CUTOFF + MILLISECOND]


UNDATED: dict[str, object] = {
    "text": "2020-01-01T00:00:00Z",
    "null": None,
    "milliseconds": Int64(1_577_836_800_000),
    "seconds": 1_577_836_800.0,
    "timestamp": Timestamp(1_577_836_800, 1),
    "array of dates": [OLD],
    "object": {"date": OLD},
    "object id": ObjectId("5e0be1000000000000000000"),
    "boolean": False,
}


def test_a_document_whose_date_field_is_not_a_date_is_never_touched_and_is_counted(
    database: Database[Document],
) -> None:
    odd = [playback(value) for value in UNDATED.values()] + [{"user": ObjectId()}]
    kept = [session(value) for value in UNDATED.values()]
    kept += [{"user": ObjectId()}, {"status": None}, {"status": "idle"}, {"status": [{"lastActive": OLD}]}]
    database.playbacks.insert_many([*odd, *(playback(OLD) for _ in range(3))])
    database.sessions.insert_many([*kept, *(session(OLD) for _ in range(2)), session(NEW)])

    figures = clean(database)

    assert {d["_id"] for d in database.playbacks.find()} == {d["_id"] for d in odd}
    assert {d["_id"] for d in database.sessions.find({"status.lastActive": {"$ne": NEW}})} == {d["_id"] for d in kept}
    told = {c.name: (c.deleted, c.undated) for c in figures["collections"]}
    assert told == {"playbacks": (3, len(odd)), "sessions": (2, len(kept))}


def test_test_mode_touches_no_production_collection(database: Database[Document]) -> None:
    for name in ("playbacks", "test-playbacks"):
        database[name].insert_many([playback(OLD) for _ in range(5)])

    clean(database, {"testMode": True})

    assert (database["playbacks"].count_documents({}), database["test-playbacks"].count_documents({})) == (5, 0)


def test_it_stops_at_its_deadline_and_the_next_run_completes(database: Database[Document]) -> None:
    database.playbacks.insert_many([playback(OLD) for _ in range(200)] + [playback(NEW)])

    first = clean(database, checks=30, pause=0.001)
    second = clean(database)

    assert first["stop_reason"] == "deadline"
    assert 0 < first["records_deleted"] < 200
    assert first["remaining_records"] == 200 - first["records_deleted"] == second["records_deleted"]
    assert [d["createdAt"] for d in database.playbacks.find()] == [NEW]


def test_a_collection_over_the_deletion_limit_keeps_all_and_the_others_are_cleaned(
    database: Database[Document],
) -> None:
    database.playbacks.insert_many([playback(OLD) for _ in range(1000)])
    database.sessions.insert_many([session(OLD), session(NEW)])

    with pytest.raises(PermanentError, match="ignoreDeletionLimit"):
        clean(database)

    assert (database.playbacks.count_documents({}), database.sessions.count_documents({})) == (1000, 1)
    assert clean(database, {"ignoreDeletionLimit": True})["records_deleted"] == 1000


def test_a_dry_run_writes_nothing(database: Database[Document]) -> None:
    database.playbacks.insert_many([playback(OLD), playback(NEW)])

    figures = clean(database, {"dryRun": True})

    assert figures["total_records_found"] == 1
    assert database.playbacks.count_documents({}) == 2


def test_storage_is_reported_as_a_share_of_the_limit_with_its_growth(database: Database[Document]) -> None:
    now = datetime.now(UTC)
    before, day = now - timedelta(days=60), timedelta(days=1)

    def made(moment: datetime, number: int) -> list[Document]:
        return [{**playback(NEW), "_id": ObjectId.from_datetime(moment + timedelta(seconds=n))} for n in range(number)]

    # Of 1,000 documents, 700 were created in the last week, and 200 expire in the next week.
    database.playbacks.insert_many(made(now - 30 * day, 100) + made(before + day, 200) + made(now - day, 700))
    # A checkpoint between two measurements would change the sizes.
    database.client.admin.command("fsync")
    stats = database.command("dbStats")

    names = ["playbacks", "sessions"]
    measured = measure(database, 1, 5, 10)
    assert measured is not None
    storage = forecast(database, measured, 10, names=names, expiring=names, now=now, cutoff=before)

    used, limit = stats["dataSize"] + stats["indexSize"], 1024**2
    assert storage.used_bytes == used
    assert storage.percent == pytest.approx(100 * used / limit, abs=0.01)
    assert storage.alert is True
    assert storage.growth_bytes_per_day == pytest.approx(0.5 * used / 7, rel=0.01)
    assert storage.percent_before_next_cleanup == pytest.approx(170 * used / limit, rel=0.01)
    assert storage.days_until_full == pytest.approx(7 * (1 + (limit - 1.7 * used) / (0.5 * used)), rel=0.01)


@pytest.mark.parametrize(
    ("added", "expiring", "used", "days"),
    [
        (70, 70, 500, None),
        (70, 100, 500, None),
        (0, 0, 500, None),
        (70, 0, 930, 7.0),
        (70, 0, 300, 70.0),
        (70, 70, 965, 3.5),
        (70, 60, 900, 28.0),
        (70, 0, 1200, 0.0),
    ],
    ids=["steady", "shrinking", "idle", "within a week", "growing", "no room for a week", "slowly growing", "full"],
)
def test_a_database_is_full_in_the_first_week_in_which_growth_exceeds_the_free_space(
    added: float, expiring: float, used: float, days: float | None
) -> None:
    assert days_until_full(added, expiring, 1000 - used) == days
