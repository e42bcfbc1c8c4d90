"""Stats, cleanup and Rebuild on three nodes: which nodes they read, and what happens if the primary is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from bson import ObjectId
from cleanup_run import CUTOFF, clean_up
from month_end import NOW, FakeServices, month_end
from pydantic import SecretStr
from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from replica_set import ReplicaSet

from joytify_common.collections import PRODUCTION
from joytify_common.deadline import Deadline
from joytify_common.ids import BEGINNING
from joytify_common.mongo import connect, mongo_client
from joytify_stats.period import resolve_period
from joytify_stats.rebuild import Rebuild

Document = dict[str, Any]

OCTOBER = datetime(2026, 10, 5, tzinfo=UTC)
USERS, EXPIRED, RETAINED = 600, 1500, 500
# Ways to lose the primary. The driver finds the new primary, and the run waits until there is one.
LOSSES: dict[str, Callable[[ReplicaSet], None]] = {
    "steps down": ReplicaSet.step_down,
    "is killed": ReplicaSet.kill_primary,
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplicaSet]:
    """The replica set."""
    replica_set = ReplicaSet(tmp_path_factory.mktemp("nodes"))
    try:
        replica_set.start()
        yield replica_set
    finally:
        replica_set.stop()


@pytest.fixture
def empty_database(nodes: ReplicaSet) -> Iterator[Database[Document]]:
    """An empty database on the replica set; every node is up."""
    nodes.settle()
    with MongoClient[Document](nodes.uri, tz_aware=True) as client:
        yield client[f"test-{uuid4().hex[:12]}"]


def listeners(database: Database[Document]) -> list[ObjectId]:
    """Make users with statistics for October, and return their ids."""
    wanting = {"userPreferences": {"notifications": {"monthlyStatistic": True}}, "notifications": []}
    users = [{"_id": ObjectId(), **wanting} for _ in range(USERS)]
    database.users.insert_many(users)
    database.stats.insert_many({"user": user["_id"], "stats": [{"createdAt": OCTOBER}]} for user in users)
    database.stats.create_index("user")
    return [ObjectId(str(user["_id"])) for user in users]


class Loss(threading.Thread):
    """Loses the primary as soon as a part of the work is done."""

    def __init__(self, nodes: ReplicaSet, how: str, done: Callable[[], int]) -> None:
        super().__init__()
        self._nodes, self._how, self._done = nodes, how, done
        self.primary, self.done_before = nodes.settle(), 0

    def run(self) -> None:
        """Wait for the work to begin, then lose the primary."""
        limit = time.monotonic() + 60
        while self.done_before == 0 and time.monotonic() < limit:
            self.done_before = self._done()
        LOSSES[self._how](self._nodes)

    def check(self, total: int) -> None:
        """Check that the primary was lost in the middle, and that there is another."""
        self.join()
        assert 0 < self.done_before < total
        assert self._nodes.primary() is not self.primary


@pytest.mark.parametrize(
    ("preference", "on_secondaries"),
    [("primary", False), ("secondary", True), ("secondaryPreferred", True)],
)
def test_stats_reads_where_it_is_told_to(
    nodes: ReplicaSet, empty_database: Database[Document], preference: str, *, on_secondaries: bool
) -> None:
    users = listeners(empty_database)
    before, primary = nodes.aggregations(), nodes.settle().address

    progress = month_end(empty_database, read_preference=preference, page=100)

    ran = {address: count - before[address] for address, count in nodes.aggregations().items()}
    elsewhere = sum(count for address, count in ran.items() if address != primary)
    assert progress.users_updated == len(users)
    # One aggregation reads each page; a second aggregation finds users without the notification, on the primary.
    assert elsewhere >= USERS / 100 if on_secondaries else elsewhere == 0
    assert ran[primary] > 0


def test_cleanup_reads_from_the_primary_whatever_the_connection_string_says(
    nodes: ReplicaSet, empty_database: Database[Document]
) -> None:
    """On a lagging secondary, the deletion limit would count outdated documents, and the archive would copy them."""
    empty_database.playbacks.insert_many({"createdAt": CUTOFF - timedelta(days=1)} for _ in range(20))
    before, primary = nodes.aggregations(), nodes.settle().address
    database = connect(SecretStr(nodes.uri + "&readPreference=secondary&maxStalenessSeconds=120"), empty_database.name)

    report = clean_up(database)

    mongo_client.cache_clear()
    database.client.close()
    ran = {address: count - before[address] for address, count in nodes.aggregations().items()}
    assert report.deleted == 20
    assert ran.pop(primary) > 0
    assert set(ran.values()) == {0}


def test_statistics_are_built_on_the_primary_whatever_the_database_prefers(
    nodes: ReplicaSet, empty_database: Database[Document]
) -> None:
    users = [ObjectId() for _ in range(20)]
    empty_database.users.insert_many({"_id": user} for user in users)
    plays = [
        {"user": user, "song": ObjectId(), "artist": ObjectId(), "duration": 60, "createdAt": OCTOBER} for user in users
    ]
    empty_database.playbacks.insert_many(plays)
    empty_database.playbacks.create_index("user")
    before, primary = nodes.aggregations(), nodes.settle().address
    elsewhere = empty_database.with_options(read_preference=ReadPreference.SECONDARY_PREFERRED)
    deadline = Deadline(time.monotonic() + 60)
    period = resolve_period("2026-10", NOW)

    list(Rebuild(elsewhere, PRODUCTION, period, replace=False, deadline=deadline).build(BEGINNING))

    ran = {address: count - before[address] for address, count in nodes.aggregations().items()}
    assert empty_database.stats.count_documents({"stats.summary.totalDuration": 60}) == len(users)
    assert [address for address, count in ran.items() if count] == [primary]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_month_end_that_loses_the_primary_notifies_everyone_once(
    nodes: ReplicaSet, empty_database: Database[Document], loss: str
) -> None:
    users = listeners(empty_database)
    outside = FakeServices()
    losing = Loss(nodes, loss, lambda: empty_database.users.count_documents({"notifications.0": {"$exists": True}}))
    losing.start()

    month_end(empty_database, outside, page=5, seconds=120)

    losing.check(USERS)
    told = [user["_id"] for user in empty_database.users.find() for _ in user["notifications"]]
    assert empty_database.notifications.count_documents({}) == 1
    assert sorted(told) == sorted(users)
    assert sorted(outside.backend.pushed) == sorted(users)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_cleanup_that_loses_the_primary_deletes_what_has_expired_and_no_more(
    nodes: ReplicaSet, empty_database: Database[Document], loss: str
) -> None:
    day = timedelta(days=1)
    empty_database.playbacks.insert_many({"createdAt": CUTOFF - day} for _ in range(EXPIRED))
    empty_database.playbacks.insert_many({"createdAt": CUTOFF + day} for _ in range(RETAINED))
    losing = Loss(nodes, loss, lambda: EXPIRED + RETAINED - empty_database.playbacks.count_documents({}))
    losing.start()

    report = clean_up(empty_database, batch_size=50, pause=0.01, seconds=120)

    losing.check(EXPIRED)
    assert report.stop_reason == "completed"
    assert report.deleted == EXPIRED
    assert empty_database.playbacks.count_documents({}) == RETAINED
