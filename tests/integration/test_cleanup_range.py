"""A cleanup run that is confined to a range of time: it never leaves it, however it ends."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from bson import Binary, Int64, ObjectId
from cleanup_run import CUTOFF, clean_up

from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.expired import ExpiredDocuments
from joytify_cleanup.retention import Policy
from joytify_common.errors import ConfigError
from joytify_common.events import parse_event

if TYPE_CHECKING:
    from pymongo.database import Database

    from joytify_cleanup.report import CleanupReport
    from joytify_common.deadline import Deadline

DAYS, A_DAY = 10, 40
START = CUTOFF - timedelta(days=DAYS)
POLICY = Policy("playbacks", "createdAt")
NUMBERS = count()

Document = dict[str, Any]


def played(moment: datetime, **more: object) -> Document:
    identity = ObjectId(struct.pack(">IQ", int(moment.timestamp()), next(NUMBERS)))
    return {"_id": identity, "createdAt": moment, **more}


def fill(database: Database[Document]) -> None:
    """Forty expired plays on each of ten days, as many retained ones, and some that nobody may touch."""
    hour = timedelta(hours=24 / A_DAY)
    expired = [played(START + number * hour) for number in range(DAYS * A_DAY)]
    retained = [played(CUTOFF + timedelta(seconds=1) + number * hour) for number in range(A_DAY)]
    # Made in the range, and used today; without a date; with ids that tell no time.
    used = [played(START + number * hour) | {"createdAt": CUTOFF + timedelta(days=1)} for number in range(5)]
    undated = [played(START + number * hour) | {"createdAt": "2020-01-01"} for number in range(5)]
    others = [
        {"_id": identity, "createdAt": START}
        for identity in ("text", Int64(5), Binary(b"x"), datetime(2020, 1, 1, tzinfo=UTC))
    ]
    database.playbacks.insert_many([*expired, *retained, *used, *undated, *others])


def days(first: int, last: int) -> dict[str, str]:
    return {
        "from": (START + timedelta(days=first)).isoformat(),
        "to": (START + timedelta(days=last)).isoformat(),
    }


def clean(database: Database[Document], event: dict[str, Any], **options: Any) -> CleanupReport:
    def collections(deadline: Deadline) -> list[ExpiredDocuments]:
        return [ExpiredDocuments(database, POLICY, CUTOFF, deadline)]

    return clean_up(collections, event={"collection": "playbacks", **event}, **options)


def expired_days(database: Database[Document]) -> dict[int, int]:
    """Return how many expired plays are left of each day, by the time in their ids."""
    left: dict[int, int] = {}
    for document in database.playbacks.find({"_id": {"$type": "objectId"}, **POLICY.expired(CUTOFF)}):
        day = (document["_id"].generation_time - START).days
        left[day] = left.get(day, 0) + 1
    return left


@pytest.mark.parametrize(("first", "last"), [(0, 1), (3, 7), (9, 10), (0, 10), (-5, 20)])
def test_only_what_was_made_in_the_range_is_deleted(database: Database[Document], first: int, last: int) -> None:
    fill(database)
    spared = database.playbacks.count_documents({"$nor": [POLICY.expired(CUTOFF)]})

    report = clean(database, {"range": days(first, last)})

    within = range(max(0, first), min(DAYS, last))
    assert expired_days(database) == {day: A_DAY for day in range(DAYS) if day not in within}
    assert report.deleted == A_DAY * len(within)
    assert report.outcomes[0].remaining == 0
    assert database.playbacks.count_documents({"$nor": [POLICY.expired(CUTOFF)]}) == spared
    # Ids that tell no time are in no range.
    assert database.playbacks.count_documents({"_id": {"$not": {"$type": "objectId"}}}) == 4


def test_ranges_that_meet_delete_everything_once(database: Database[Document]) -> None:
    fill(database)
    bounds = [0, 2.5, 2.50001, 6, 10]
    deleted = []
    for first, last in pairwise(bounds):
        span = {
            "from": (START + timedelta(days=first)).isoformat(),
            "to": (START + timedelta(days=last)).isoformat(),
        }
        deleted.append(clean(database, {"range": span}).deleted)

    assert sum(deleted) == DAYS * A_DAY
    assert expired_days(database) == {}


def test_a_run_out_of_time_continues_in_its_range(database: Database[Document]) -> None:
    fill(database)
    event: dict[str, Any] = {"range": days(2, 8)}
    events: list[dict[str, Any]] = [{"collection": "playbacks", **event}]
    runs = 0
    while events:
        started: list[dict[str, Any]] = []
        clean(database, events.pop(), checks=30, batch_size=10, pause=0.001, max_continuations=99, started=started)
        events, runs = started, runs + 1
        assert all(
            each["range"]
            == CleanupEvent.model_validate(event | {"collection": "playbacks"}, strict=False).payload()["range"]
            for each in started
        )

    assert runs > 1
    assert expired_days(database) == dict.fromkeys((0, 1, 8, 9), A_DAY)


def test_a_range_is_no_success_of_the_schedule_and_asks_for_no_limit(database: Database[Document]) -> None:
    """Whoever divides a collection has looked at the whole; all of a range may well be expired."""
    many = [played(START + timedelta(seconds=number)) for number in range(2000)]
    database.playbacks.insert_many(many)

    report = clean(database, {"range": days(0, 1)}, batch_size=500)

    assert report.deleted == 2000
    assert report.stop_reason == "completed"
    assert not report.is_complete


def test_a_dry_run_counts_in_the_range_only(database: Database[Document]) -> None:
    fill(database)

    report = clean(database, {"range": days(1, 3), "dryRun": True})

    assert report.remaining == 2 * A_DAY
    assert report.deleted == 0


def test_a_range_of_many_kept_reads_no_more_than_the_range(database: Database[Document]) -> None:
    fill(database)
    database.playbacks.insert_many([played(CUTOFF + timedelta(days=1, seconds=number)) for number in range(5000)])
    before = _examined(database)

    clean(database, {"range": days(4, 5)})

    # The range's documents, ten of them undated or in use, once each.
    assert _examined(database) - before <= 2 * A_DAY + 20


def _examined(database: Database[Document]) -> int:
    return int(database.command("serverStatus")["metrics"]["queryExecutor"]["scannedObjects"])


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"range": {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}}, "it needs a collection"),
        ({"collection": "users"}, "collection: .*playbacks or sessions"),
        ({"collection": "playbacks", "range": {"from": "2026-01-01T00:00:00Z"}}, "range: "),
        ({"collection": "playbacks", "range": {"from": "2026-01-01", "to": "2026-02-01"}}, "range: "),
        (
            {"collection": "playbacks", "range": {"from": "2026-01-01T00:00:00", "to": "2026-02-01T00:00:00"}},
            "range: .*timezone",
        ),
        (
            {"collection": "playbacks", "range": {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}},
            "from must be before to",
        ),
        (
            {"collection": "playbacks", "range": {"from": "1960-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}},
            "range: .*1970",
        ),
        ({"collection": "playbacks", "range": "2026"}, "range: "),
    ],
    ids=["no collection", "collection", "no end", "days", "no offset", "order", "before 1970", "text"],
)
def test_a_wrong_range_is_named(event: Document, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_event(CleanupEvent, event)
