"""Statistics built from plays on a real MongoDB, compared with the backend's play-by-play sums."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from bson import ObjectId
from forks import forks
from pymongo.database import Database
from typer.testing import CliRunner

from joytify_cli.main import app
from joytify_common.collections import TEST
from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError
from joytify_common.ids import BEGINNING
from joytify_stats.period import Period
from joytify_stats.rebuild import PAGE_USERS, Rebuild

Document = dict[str, Any]

SEPTEMBER = Period(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
USERS, PLAYS, DAYS = 40, 6000, 61
IDS = [ObjectId() for _ in range(USERS + 1)]
SONGS, ARTISTS = [ObjectId() for _ in range(12)], [ObjectId() for _ in range(5)]
# One artist has no name in the database.
NAMES = {artist: f"Artist {number}" for number, artist in enumerate(ARTISTS[:-1])}


def rebuild(database: Database[Document], *, replace: bool = False, period: Period = OCTOBER) -> Rebuild:
    deadline = Deadline(time.monotonic() + 60)
    return Rebuild(database, TEST, period, replace=replace, deadline=deadline)


def plays() -> list[Document]:
    """Plays of two months, in order of time: few songs and durations, so that many total durations tie."""
    random_numbers = random.Random(19)  # noqa: S311 - made-up plays
    made = []
    for number in range(PLAYS):
        song = random_numbers.randrange(len(SONGS))
        made.append(
            {
                "user": IDS[random_numbers.randrange(USERS)],
                "song": SONGS[song],
                "artist": ARTISTS[song % len(ARTISTS)],
                "state": "completed",
                "duration": random_numbers.choice([60, 120, 180, 4.5]),
                "createdAt": SEPTEMBER.start + timedelta(days=DAYS * number / PLAYS, milliseconds=1),
            }
        )
    return made


def percent(share: float) -> float:
    """Return JavaScript's `parseFloat((100 * share).toFixed(2))`."""
    return float(Decimal(share * 100).quantize(Decimal("0.01"), ROUND_HALF_UP))


def add(elements: list[Document], play: Document) -> None:
    """Add a play to a user's elements (the entries of `stats`, one per month) as the backend does.

    Sorting is stable, and percentages have two decimals.
    """
    at, seconds = play["createdAt"], play["duration"]
    if not elements or elements[-1]["createdAt"].month != at.month:
        parts: Document = {"songs": [], "artists": [], "peakHour": []}
        elements.append({**parts, "summary": {"totalDuration": 0}, "createdAt": at})
    element = elements[-1]
    for part, key, value in (
        ("songs", "song", play["song"]),
        ("artists", "artist", play["artist"]),
        ("peakHour", "hour", at.hour),
    ):
        item = next((item for item in element[part] if item[key] == value), None)
        if item is None:
            element[part].append(item := {key: value, "totalDuration": 0})
        item["totalDuration"] += seconds
        if part == "peakHour":
            item["utilization"] = percent(item["totalDuration"] / 3600)
        element[part].sort(key=lambda item: item["hour"] if "hour" in item else -item["totalDuration"])
    total = element["summary"]["totalDuration"] + seconds
    before = elements[-2]["summary"]["totalDuration"] if len(elements) > 1 else 0
    top = element["artists"][0]
    element["summary"] = {
        "month": at.month,
        "year": at.year,
        "totalDuration": total,
        "growthPercentage": percent((total - before) / before) if before else 0,
        "topArtist": NAMES.get(top["artist"], "Unknown Artist"),
        "topArtistTotalPlaybackTime": top["totalDuration"],
    }
    element["updatedAt"] = at


@pytest.fixture
def expected(database: Database[Document]) -> dict[ObjectId, list[Document]]:
    """The elements as the backend builds them play by play.

    The fixture stores both these elements and the plays in the database.
    """
    elements: dict[ObjectId, list[Document]] = {user: [] for user in IDS[:USERS]}
    for play in plays():
        add(elements[play["user"]], play)
    # The last user has no plays.
    database[TEST.users].insert_many({"_id": user} for user in IDS)
    database[TEST.musicians].insert_many({"_id": artist, "name": name} for artist, name in NAMES.items())
    database[TEST.stats].insert_many({"user": user, "stats": each} for user, each in elements.items())
    database[TEST.playbacks].insert_many(plays())
    database[TEST.playbacks].create_index("user")
    database[TEST.stats].create_index("user")
    return elements


def held(database: Database[Document]) -> dict[ObjectId, list[Document]]:
    documents = list(database[TEST.stats].find())
    assert len({document["user"] for document in documents}) == len(documents)
    return {document["user"]: document["stats"] for document in documents}


def lose(database: Database[Document], period: Period = OCTOBER) -> None:
    """Remove the month's elements, as if the backend had been down."""
    lost = {"createdAt": {"$gte": period.start, "$lt": period.end}}
    database[TEST.stats].update_many({}, {"$pull": {"stats": lost}})


@pytest.mark.parametrize("period", [SEPTEMBER, OCTOBER], ids=str)
def test_lost_statistics_are_rebuilt_exactly(
    database: Database[Document], expected: dict[ObjectId, list[Document]], period: Period
) -> None:
    lose(database, period)
    assert held(database) != expected

    built = list(rebuild(database, period=period).build(BEGINNING))

    assert sum(each.users for each in built) == len(IDS)
    assert held(database) == expected


def test_a_user_without_a_document_gets_exactly_one_in_repeated_builds(
    database: Database[Document], expected: dict[ObjectId, list[Document]]
) -> None:
    database[TEST.stats].delete_many({})

    for period in (SEPTEMBER, SEPTEMBER, OCTOBER, OCTOBER):
        list(rebuild(database, period=period).build(BEGINNING))

    assert held(database) == expected


def test_the_apps_own_element_is_kept_without_replace(
    database: Database[Document], expected: dict[ObjectId, list[Document]]
) -> None:
    of_october = {"stats.summary.month": 10}
    database[TEST.stats].update_many(of_october, {"$set": {"stats.$.summary.totalDuration": 1}})
    before = held(database)

    list(rebuild(database).build(BEGINNING))
    assert held(database) == before

    list(rebuild(database, replace=True).build(BEGINNING))
    assert held(database) == expected


def test_compare_reports_differences_and_writes_nothing(
    database: Database[Document], expected: dict[ObjectId, list[Document]]
) -> None:
    users = list(expected)
    lost = {"createdAt": {"$gte": OCTOBER.start}}
    database[TEST.stats].update_one({"user": users[0]}, {"$pull": {"stats": lost}})
    of_october = {"user": users[1], "stats.summary.month": 10}
    database[TEST.stats].update_one(of_october, {"$set": {"stats.$.summary.topArtist": "Somebody"}})
    before = held(database)

    (found,) = rebuild(database).compare(BEGINNING)

    assert (found.users, found.missing) == (USERS, 1)
    assert found.differing == {"songs": 0, "artists": 0, "peakHour": 0, "summary": 1}
    assert found.examples == (users[1],)
    assert held(database) == before


def test_a_stopped_rebuild_continues_after_its_last_user(
    database: Database[Document], expected: dict[ObjectId, list[Document]]
) -> None:
    """More users than fit into a page; the additional ones have played nothing."""
    database[TEST.users].insert_many({"_id": ObjectId()} for _ in range(2 * PAGE_USERS))
    lose(database)

    first = next(rebuild(database).build(BEGINNING))
    assert held(database) == expected
    rest = list(rebuild(database).build(first.last))

    assert first.users + sum(each.users for each in rest) == len(IDS) + 2 * PAGE_USERS
    assert held(database) == expected


RUN = """
from pymongo import MongoClient
from test_rebuild import BEGINNING, rebuild
import joytify_stats.rebuild

joytify_stats.rebuild.PAGE_USERS = 2

def run(uri, database):
    with MongoClient(uri, tz_aware=True) as client:
        list(rebuild(client[database]).build(BEGINNING))
"""


def test_a_rebuild_killed_at_any_moment_has_the_same_result_when_repeated(
    database: Database[Document], mongodb_uri: str, expected: dict[ObjectId, list[Document]]
) -> None:
    lose(database)
    chance = random.Random(19)  # noqa: S311 - moments, not secrets
    with forks(RUN) as runs:
        killed = sum(runs.kill(chance.uniform(0, 0.06), mongodb_uri, database.name) for _ in range(12))
        assert runs.run(mongodb_uri, database.name) == 0

    assert killed >= 2
    assert held(database) == expected


def test_an_index_on_user_is_required(database: Database[Document]) -> None:
    database[TEST.playbacks].insert_one({"user": IDS[0]})

    with pytest.raises(ConfigError, match="test-playbacks: building statistics from plays needs an index on user"):
        rebuild(database).check()


def command(database: Database[Document], mongodb_uri: str, *words: str) -> tuple[int, str]:
    """Run `joytify reports build` on the test collections."""
    where = ("--uri", mongodb_uri, "--database", database.name, "--period", "2026-10")
    result = CliRunner().invoke(app, ["reports", "build", *where, *words])
    return result.exit_code, result.output


def test_the_command_builds_and_compares(
    database: Database[Document], mongodb_uri: str, expected: dict[ObjectId, list[Document]]
) -> None:
    lose(database)

    assert "40 of these have no statistics" in command(database, mongodb_uri, "--compare")[1]
    assert command(database, mongodb_uri)[0] == 0
    assert held(database) == expected
    code, output = command(database, mongodb_uri, "--compare")

    assert code == 0
    assert "40 of them have plays; 0 of these have no statistics" in output
    assert output.count("the statistics of 0 users differ from their plays") == 4


@pytest.mark.parametrize("words", [(), ("--compare",)], ids=["build", "compare"])
def test_a_skipped_user_is_named(
    database: Database[Document], mongodb_uri: str, expected: dict[ObjectId, list[Document]], words: tuple[str, ...]
) -> None:
    user = next(iter(expected))
    database[TEST.stats].update_one({"user": user}, {"$set": {"stats": "not a list"}})

    code, output = command(database, mongodb_uri, *words)

    assert code == 1
    assert f"user {user}" in output
    assert "1 user skipped" in output


def test_empty_test_collections_are_no_success(database: Database[Document], mongodb_uri: str) -> None:
    code, output = command(database, mongodb_uri, "--compare")

    assert code == 1
    assert "test-playbacks is empty: use --production" in " ".join(output.split())


@pytest.mark.parametrize("words", [(), ("--compare",)], ids=["build", "compare"])
def test_continuing_after_the_last_user_reports_zero_users(
    database: Database[Document], mongodb_uri: str, expected: dict[ObjectId, list[Document]], words: tuple[str, ...]
) -> None:
    code, output = command(database, mongodb_uri, "--after", "f" * 24, *words)

    assert code == 0
    assert f"0 users after {'f' * 24} examined" in output
    assert held(database) == expected


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--after", "x"), "--after must be 24 hex digits"),
        (("--compare", "--replace"), "--compare writes nothing"),
        (("--period", "2026-13"), "--period: it must be a month"),
        (("--production",), "use --confirm "),
    ],
)
def test_wrong_options_are_refused_with_advice(
    database: Database[Document], mongodb_uri: str, words: tuple[str, ...], says: str
) -> None:
    code, output = command(database, mongodb_uri, *words)

    assert code == 2
    assert says in output


def test_a_month_that_cleanup_may_have_reached_is_refused(database: Database[Document]) -> None:
    """There are users from before the month, but no plays from before it.

    So cleanup may also have deleted plays of the month.
    """
    database[TEST.playbacks].create_index("user")
    database[TEST.users].insert_one({"_id": ObjectId.from_datetime(SEPTEMBER.start)})
    database[TEST.playbacks].insert_one({"createdAt": OCTOBER.start})
    # Cleanup never deletes this play, so cleanup may have deleted other plays although this play exists.
    database[TEST.playbacks].insert_one({"_id": ObjectId.from_datetime(SEPTEMBER.start), "createdAt": "2026-09-01"})

    with pytest.raises(ConfigError, match="no plays from before 2026-10"):
        rebuild(database).check()

    # This play has the app's older shape, which cleanup never deletes, so it proves nothing either.
    at = SEPTEMBER.start + timedelta(days=1)
    database[TEST.playbacks].insert_one({"_id": ObjectId.from_datetime(at), "createdAt": at, "songs": [SONGS[0]]})
    with pytest.raises(ConfigError, match="no plays from before 2026-10"):
        rebuild(database).check()

    play = {"user": IDS[0], "song": SONGS[0], "artist": ARTISTS[0], "duration": 60}
    database[TEST.playbacks].insert_one(
        {"_id": ObjectId.from_datetime(at + timedelta(days=1)), **play, "createdAt": at}
    )
    rebuild(database).check()
