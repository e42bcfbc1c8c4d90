"""Statistics built from the kinds of documents that real collections contain.

A document that cannot be used affects only its own user.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128, Int64, MaxKey, ObjectId
from month_end import month_end
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConnectionFailure

from joytify_common.collections import PRODUCTION
from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_common.ids import BEGINNING, key_of
from joytify_stats.period import Period
from joytify_stats.rebuild import Rebuild
from joytify_stats.rebuild_results import Built

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
PLAYED = datetime(2026, 10, 5, 20, tzinfo=UTC)
SONG, ARTIST = ObjectId("a" * 24), ObjectId("b" * 24)

Document = dict[str, Any]


def rebuild(database: Database[Document], *, replace: bool = False) -> Rebuild:
    deadline = Deadline(time.monotonic() + 60)
    return Rebuild(database, PRODUCTION, OCTOBER, replace=replace, deadline=deadline)


def build(database: Database[Document], *, replace: bool = False) -> Built:
    total = Built()
    for page in rebuild(database, replace=replace).build(BEGINNING):
        total = total.plus(page)
    return total


def play(user: object, **changes: Any) -> Document:
    whole = {"user": user, "song": SONG, "artist": ARTIST, "state": "completed", "duration": 60, "createdAt": PLAYED}
    return {**whole, **changes}


def add_users(database: Database[Document], ids: Sequence[Any]) -> None:
    """Add users, each of whom has played for a minute."""
    database.users.insert_many({"_id": user} for user in ids)
    database.playbacks.insert_many(play(user) for user in ids)
    database.playbacks.create_index("user")
    database.stats.create_index("user")


def durations(database: Database[Document]) -> dict[Any, float]:
    """Return the number of seconds that each user has played in October."""
    return {
        document["user"]: element["summary"]["totalDuration"]
        for document in database.stats.find()
        if isinstance(document.get("stats"), list)
        for element in document["stats"]
        if element["createdAt"].replace(tzinfo=UTC) >= OCTOBER.start
    }


@pytest.mark.parametrize(
    "odd",
    [
        {"createdAt": [PLAYED]},
        {"createdAt": [PLAYED, "text"]},
        {"duration": "60"},
        {"duration": None},
        {"duration": float("nan")},
        {"duration": float("inf")},
        {"duration": Decimal128("NaN")},
        {"duration": Decimal128("1E+400")},
        {"duration": [60]},
        {"duration": {"seconds": 60}},
        {"duration": -1},
        {"song": None},
        {"song": {"_id": SONG, "title": "populated"}},
        {"song": [SONG]},
        {"artist": "somebody"},
        {"songs": [SONG], "song": None, "artist": None, "duration": None},
    ],
    ids=str,
)
def test_a_document_that_is_no_play_is_left_out_and_counted(database: Database[Document], odd: Document) -> None:
    users = [ObjectId() for _ in range(20)]
    add_users(database, users)
    only_odd = ObjectId()
    database.users.insert_one({"_id": only_odd})
    database.playbacks.insert_many([play(users[7], **odd), play(only_odd, **odd)])

    built = build(database)

    assert durations(database) == dict.fromkeys(users, 60)
    assert (built.written, built.users_skipped, built.plays_skipped) == (20, 0, 2)


@pytest.mark.parametrize("duration", [Decimal128("60.0"), Int64(60), 60.0])
def test_durations_of_every_number_type_are_summed_as_doubles_like_the_backends_numbers(
    database: Database[Document], duration: object
) -> None:
    user = ObjectId()
    add_users(database, [user])
    database.playbacks.insert_one(play(user, duration=duration))

    build(database)

    (document,) = database.stats.find()
    (element,) = document["stats"]
    parts = [element["summary"], *element["songs"], *element["artists"], *element["peakHour"]]
    assert [(type(part["totalDuration"]), part["totalDuration"]) for part in parts] == [(float, 120)] * 4


@pytest.mark.parametrize("stats", [{}, "none", 5, {"0": {}}], ids=str)
def test_statistics_that_are_no_list_are_left_alone_and_their_user_is_skipped(
    database: Database[Document], stats: object
) -> None:
    users = [ObjectId() for _ in range(20)]
    add_users(database, users)
    database.stats.insert_many([{"user": users[3], "stats": stats}, {"user": users[4], "stats": None}])

    built = build(database)

    assert durations(database) == {user: 60 for user in users if user != users[3]}
    assert (built.written, built.users_skipped) == (19, 1)
    found = database.stats.find_one({"user": users[3]})
    assert found is not None
    assert found["stats"] == stats


@pytest.mark.parametrize("before", ["60", None, Decimal128("60"), float("nan"), [60], {"seconds": 60}, 30], ids=repr)
def test_a_malformed_total_of_the_previous_month_does_not_stop_the_build(
    database: Database[Document], before: object
) -> None:
    users = [ObjectId() for _ in range(20)]
    add_users(database, users)
    earlier = {"createdAt": OCTOBER.start - timedelta(days=1), "summary": {"totalDuration": before}}
    database.stats.insert_one({"user": users[3], "stats": [earlier, "no element", None]})

    built = build(database)

    assert built.written == 20
    (document,) = database.stats.find({"user": users[3]})
    (october,) = (e for e in document["stats"] if isinstance(e, dict) and "growthPercentage" in e["summary"])
    assert october["summary"]["growthPercentage"] == (100 if before == 30 else 0)
    assert type(october["summary"]["growthPercentage"]) in {int, float}
    assert [element in document["stats"] for element in ("no element", None)] == [True, True]


@contextmanager
def parameter(database: Database[Document], name: str, value: int) -> Iterator[None]:
    """Set a server parameter while the block runs."""
    admin = database.client.admin
    before = admin.command({"getParameter": 1, name: 1})[name]
    admin.command({"setParameter": 1, name: value})
    try:
        yield
    finally:
        admin.command({"setParameter": 1, name: before})


@pytest.mark.parametrize("replace", [False, True])
def test_only_the_user_with_too_many_songs_is_skipped(database: Database[Document], *, replace: bool) -> None:
    """The server's own limit is 100 MB, which 400,000 songs reach."""
    users = [ObjectId() for _ in range(20)]
    add_users(database, users)
    database.playbacks.insert_many(play(users[9], song=ObjectId()) for _ in range(3000))

    with parameter(database, "internalQueryFacetMaxOutputDocSizeBytes", 100_000):
        built = build(database, replace=replace)
        compared = list(rebuild(database).compare(BEGINNING))

    assert durations(database) == {user: 60 for user in users if user != users[9]}
    assert (built.users, built.written, built.users_skipped) == (20, 19, 1)
    assert [(each.users, each.missing, each.skipped) for each in compared] == [(19, 0, 1)]


def test_a_document_that_cannot_be_written_is_skipped_alone(database: Database[Document]) -> None:
    users = [ObjectId() for _ in range(20)]
    add_users(database, users)
    database.stats.insert_many({"user": user, "stats": []} for user in users[:5])
    database.stats.update_one({"user": users[2]}, {"$set": {"pad": "x" * (16 * 1024 * 1024 - 100)}})
    database.command("collMod", "stats", validator={"user": {"$ne": users[12]}})

    built = build(database)

    assert durations(database) == {user: 60 for user in users if user not in {users[2], users[12]}}
    assert (built.written, built.users_skipped) == (18, 2)


def test_it_is_an_error_if_nobodys_statistics_can_be_built(database: Database[Document]) -> None:
    add_users(database, [ObjectId() for _ in range(40)])

    with (
        parameter(database, "internalQueryFacetMaxOutputDocSizeBytes", 1),
        pytest.raises(PermanentError, match="no user's statistics could be built"),
    ):
        month_end(database, event={"rebuild": True})


def test_a_play_with_a_list_of_users_counts_for_none_of_them(database: Database[Document]) -> None:
    users = [ObjectId() for _ in range(3)]
    add_users(database, users)
    database.playbacks.insert_one(play(users[:2], duration=1000))
    database.stats.insert_one({"user": [users[2]], "stats": []})

    built = build(database)

    assert durations(database) == dict.fromkeys(users, 60)
    assert (built.written, built.plays_skipped) == (3, 2)


def test_pages_in_progress_are_counted_if_time_runs_out_or_another_page_fails(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_stats.rebuild.PAGE_USERS", 10)
    users = [ObjectId() for _ in range(100)]
    add_users(database, users)
    asked = iter([True, True, True, False])

    pages = list(rebuild(database).build(BEGINNING, lambda: next(asked)))
    write, calls = Collection.bulk_write, iter(range(100))

    def failing(self: Collection[Document], *args: Any, **options: Any) -> Any:
        if next(calls) == 1:
            raise ConnectionFailure
        return write(self, *args, **options)

    written = sum(page.written for page in pages)
    assert written == database.stats.count_documents({}) == 40
    monkeypatch.setattr(Collection, "bulk_write", failing)
    monkeypatch.setattr("joytify_common.mongo.ATTEMPTS", 1)
    more: list[Built] = []
    failure: TransientError | None = None
    try:
        more.extend(rebuild(database).build(pages[-1].last))
    except TransientError as exc:
        failure = exc

    assert failure is not None
    assert database.stats.count_documents({}) == 40 + sum(page.written for page in more)
    monkeypatch.undo()
    list(rebuild(database).build(max((page.last for page in more), default=pages[-1].last)))
    assert durations(database) == dict.fromkeys(users, 60)


@pytest.mark.parametrize("unique", [False, True])
def test_documents_that_the_backend_creates_meanwhile_are_found(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, *, unique: bool
) -> None:
    """The backend creates them after the rebuild has read and before it writes.

    One of them has an id that the rebuild would assign. The index on user is unique or not.
    """
    users = [ObjectId() for _ in range(20)]
    add_users(database, users)
    database.stats.drop_index("user_1")
    database.stats.create_index("user", unique=unique)
    write = Collection.bulk_write

    def collide(self: Collection[Document], *args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        element_of_backend = {"createdAt": PLAYED, "summary": {"totalDuration": 1}}
        database.stats.insert_many(
            [
                {"_id": users[0], "user": ObjectId()},
                {"user": users[1], "stats": []},
                {"user": users[2], "stats": [element_of_backend]},
            ]
        )
        return write(self, *args, **options)

    monkeypatch.setattr(Collection, "bulk_write", collide)
    built = build(database)

    # Somebody else's document has the id for the first user's statistics, so this user is skipped.
    assert durations(database) == {**dict.fromkeys(users[1:], 60), users[2]: 1}
    assert (built.written, built.users_skipped) == (18, 1)


IDS: Sequence[Any] = (None, -4.5, Int64(7), "$text", {"of": 1}, b"b", ObjectId(), True, PLAYED, MaxKey())


def test_users_with_ids_of_every_type_are_all_built(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_stats.rebuild.PAGE_USERS", 1)
    add_users(database, IDS[:-1])
    database.users.insert_one({"_id": MaxKey()})

    built = build(database)

    assert (built.users, built.written, built.users_skipped) == (len(IDS), len(IDS) - 1, 0)
    assert {key_of(user) for user in database.stats.distinct("user")} == set(map(key_of, IDS[:-1]))


@pytest.mark.parametrize("options", [{"hidden": True}, {"partialFilterExpression": {"state": "playing"}}], ids=str)
def test_a_hidden_or_partial_index_does_not_count(database: Database[Document], options: Document) -> None:
    add_users(database, [ObjectId()])
    database.playbacks.drop_indexes()
    database.playbacks.create_index("user", **options)

    with pytest.raises(ConfigError, match=r"needs an index on user that is neither hidden nor partial"):
        rebuild(database).check()


def test_sums_that_differ_by_less_than_a_millisecond_agree(database: Database[Document]) -> None:
    """The backend adds in the order of the plays, MongoDB in another order: 489.50000000000006 against 489.5."""
    user, songs = ObjectId(), [ObjectId() for _ in range(3)]
    add_users(database, [user])
    for number in range(30):
        database.playbacks.insert_one(play(user, song=songs[number % 3], duration=0.1))
    build(database)
    (document,) = database.stats.find()
    element = document["stats"][0]
    noisy = {"song": 3e-11, "artist": -2e-11, "hour": 4e-11}
    for part, key in (("songs", "song"), ("artists", "artist"), ("peakHour", "hour")):
        for item in element[part]:
            item["totalDuration"] += noisy[key]
        element[part].reverse()
    element["summary"]["totalDuration"] += 1e-10
    database.stats.replace_one({"_id": document["_id"]}, document)

    (noise,) = rebuild(database).compare(BEGINNING)
    element["songs"][0]["totalDuration"] += 0.001
    database.stats.replace_one({"_id": document["_id"]}, document)
    (millisecond,) = rebuild(database).compare(BEGINNING)

    assert set(noise.differing.values()) == {0}
    assert millisecond.differing == {"songs": 1, "artists": 0, "peakHour": 0, "summary": 0}
