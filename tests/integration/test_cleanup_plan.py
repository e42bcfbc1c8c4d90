"""How what is expired is divided among workers: on a real MongoDB, held against what is there."""

from __future__ import annotations

import struct
import time
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from cleanup_run import CUTOFF, clean_up
from fail_points import ALWAYS, failing

from joytify_cleanup.expired import ExpiredDocuments
from joytify_cleanup.plan import DIVIDED_FROM_DOCUMENTS, SAMPLE_MARGIN, TIME_SHARE, Plan, Planner
from joytify_cleanup.retention import Policy
from joytify_cleanup.server import ASSUMED_PER_SECOND, describe_server, measured_rate
from joytify_cleanup.survey import PLAN_SAMPLE_DOCUMENTS
from joytify_common.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo import MongoClient
    from pymongo.database import Database

POLICY = Policy("playbacks", "createdAt")
KEPT, EXPIRED = DIVIDED_FROM_DOCUMENTS + 10_000, 30_000
RATE, SECONDS = 1000.0, 20.0
NUMBERS = count()
# What the server answers after maxTimeMS.
TOO_SLOW = {"failCommands": ["aggregate"], "errorCode": 50}

Document = dict[str, Any]


def played(moment: datetime) -> Document:
    return {"_id": ObjectId(struct.pack(">IQ", int(moment.timestamp()), next(NUMBERS))), "createdAt": moment}


def expired() -> Iterator[Document]:
    """Yield plays of a hundred days, half of them of the last ten, as an app that grew has them."""
    for number in range(EXPIRED):
        days = 100 - 90 * number / (EXPIRED / 2) if number < EXPIRED / 2 else 10 - 10 * (number / (EXPIRED / 2) - 1)
        yield played(CUTOFF - timedelta(days=days, seconds=1))


def retained(documents: int) -> Iterator[Document]:
    return (played(CUTOFF + timedelta(hours=3, seconds=number)) for number in range(documents))


def fill(database: Database[Document], documents: list[Document]) -> None:
    for start in range(0, len(documents), 50_000):
        database.playbacks.insert_many(documents[start : start + 50_000], ordered=False)


@pytest.fixture(scope="module")
def template(mongodb: MongoClient[Document]) -> Iterator[Database[Document]]:
    """Plays that are worth dividing."""
    made = mongodb["test-plan-template"]
    fill(made, [*expired(), *retained(KEPT)])
    yield made
    mongodb.drop_database(made.name)


@pytest.fixture
def filled(template: Database[Document], database: Database[Document]) -> Database[Document]:
    """The test's own copy of them, made by the server."""
    template.playbacks.aggregate([{"$out": {"db": database.name, "coll": "playbacks"}}])
    return database


def plan(database: Database[Document], **options: Any) -> Plan:
    documents = ExpiredDocuments(database, POLICY, CUTOFF, Deadline(time.monotonic() + 60))
    planner = Planner(**{"capacity": 8, "server": "a test", "rate": RATE, "seconds": SECONDS, **options})
    return planner.plan([("playbacks", documents)])


def test_the_ranges_hold_everything_and_none_takes_more_than_half_of_the_time(filled: Database[Document]) -> None:
    before = _examined(filled)
    made = plan(filled)
    read = _examined(filled) - before

    deleted = [_delete(filled, each) for each in made.data()["ranges"]]

    assert len(made.ranges) == 8
    assert sum(deleted) == EXPIRED
    assert all(0 < each <= RATE * SECONDS * TIME_SHARE for each in deleted)
    # Of a sample of 5,000 about 1,100 are expired: about 140 tell the size of a range.
    assert max(deleted) <= 1.6 * EXPIRED / len(deleted)
    assert all(first.time_range.end == then.time_range.start for first, then in pairwise(made.ranges))
    assert sum(each.documents or 0 for each in made.ranges) == pytest.approx(EXPIRED, rel=0.15)
    assert read <= 2 * PLAN_SAMPLE_DOCUMENTS
    assert filled.playbacks.count_documents({}) == KEPT
    assert 2 <= made.workers <= 8
    assert made.reason.startswith(f"{made.workers} workers: ")


def _delete(database: Database[Document], work: Document) -> int:
    def collections(deadline: Deadline) -> list[ExpiredDocuments]:
        return [ExpiredDocuments(database, POLICY, CUTOFF, deadline)]

    event = {"collection": work["collection"], "range": work["range"]}
    return clean_up(collections, event=event, batch_size=5000).deleted


def _examined(database: Database[Document]) -> int:
    return int(database.command("serverStatus")["metrics"]["queryExecutor"]["scannedObjects"])


def test_a_server_with_one_primary_gets_one_worker(filled: Database[Document]) -> None:
    # The work is three and a half times what a range may hold, whatever a sample is off by.
    rate = EXPIRED / (3.5 * SECONDS * TIME_SHARE * SAMPLE_MARGIN)
    made = plan(filled, rate=rate, capacity=1, server="a replica set has one primary, which takes all writes")

    assert made.workers == 1
    assert "one primary" in made.reason
    # In as many ranges as its time asks for, one after the other.
    assert len(made.ranges) == 4


def test_one_worker_is_enough_for_what_takes_half_of_its_time(filled: Database[Document]) -> None:
    made = plan(filled, rate=50_000.0, seconds=800.0)

    assert (made.workers, len(made.ranges)) == (1, 1)
    assert made.reason.startswith("one worker is enough")


@pytest.mark.parametrize(("documents", "ranges"), [(0, 0), (500, 1)], ids=["nothing expired", "few expired"])
def test_a_small_collection_is_one_range_or_none(database: Database[Document], documents: int, ranges: int) -> None:
    some = [played(CUTOFF - timedelta(hours=number + 1)) for number in range(documents)]
    fill(database, [*some, *retained(200)])

    made = plan(database)

    assert len(made.ranges) == ranges
    assert sum(each.documents or 0 for each in made.ranges) == documents
    assert made.workers == 1


def test_plays_of_one_second_are_in_one_range(database: Database[Document]) -> None:
    moment = CUTOFF - timedelta(days=3)
    fill(database, [*(played(moment) for _ in range(EXPIRED)), *retained(KEPT)])

    made = plan(database)

    assert sorted(_delete(database, each) for each in made.data()["ranges"])[-2:] == [0, EXPIRED]


def test_without_a_sample_in_time_the_work_is_divided_all_the_same(
    mongodb: MongoClient[Document], filled: Database[Document]
) -> None:
    with failing(mongodb, ALWAYS, TOO_SLOW):
        made = plan(filled)

    assert len(made.ranges) == 2
    assert [each.documents for each in made.ranges] == [None, None]
    assert sum(_delete(filled, each) for each in made.data()["ranges"]) == EXPIRED


def test_the_server_says_what_it_is(mongodb: MongoClient[Document]) -> None:
    found, said = describe_server(mongodb, None), describe_server(mongodb, 8)

    assert (found.capacity, said.capacity) == (1, 8)
    assert "one primary" in found.description
    assert "8 workers" in said.description


class FakeCloudWatch:
    """CloudWatch with these values of each day."""

    def __init__(self, *values: float) -> None:
        self._values = values

    def get_metric_data(self, **_: object) -> dict[str, Any]:
        days = [datetime(2026, 11, 1 + day, tzinfo=UTC) for day in range(len(self._values))]
        return {"MetricDataResults": [{"Timestamps": days, "Values": list(self._values)}]}


@pytest.mark.parametrize(
    ("values", "rate"), [((), ASSUMED_PER_SECOND), ((0.0,), ASSUMED_PER_SECOND), ((9e3, 5e4, 0.0), 5e4)]
)
def test_the_rate_is_that_of_the_last_run_that_deleted(values: tuple[float, ...], rate: float) -> None:
    client: Any = FakeCloudWatch(*values)

    assert measured_rate(client, "cleanup", datetime(2026, 11, 25, tzinfo=UTC)) == rate
