"""Runs of the month end that are killed at random moments, or that run concurrently."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from forks import forks
from month_end import NOW, FakeServices, month_end
from pymongo.database import Database

from joytify_cli.data.verify import faults
from joytify_common.collections import PRODUCTION
from joytify_stats.period import resolve_period

Document = dict[str, Any]

KILLS, AT_ONCE = 30, 20
ENTITLED, OTHERS = 120, 40
MONTHS = [datetime(2024 + n // 12, n % 12 + 1, 5, tzinfo=UTC) for n in range(KILLS)]
UNDISTURBED = datetime(2026, 8, 5, tzinfo=UTC)
RUN = """
from pymongo import MongoClient
from month_end import month_end

def run(uri, database, period, page):
    with MongoClient(uri, tz_aware=True) as client:
        month_end(client[database], event={"period": period}, page=int(page))
"""


def fill(database: Database[Document]) -> set[ObjectId]:
    """Make users with statistics for every month, and return those who want the notification."""
    users = [
        {
            "_id": ObjectId(),
            "userPreferences": {"notifications": {"monthlyStatistic": number < ENTITLED}},
            "notifications": [],
        }
        for number in range(ENTITLED + OTHERS)
    ]
    database.users.insert_many(users)
    database.stats.insert_many(
        [{"user": u["_id"], "stats": [{"createdAt": month} for month in (*MONTHS, UNDISTURBED)]} for u in users]
    )
    database.stats.create_index("user")
    return {ObjectId(str(user["_id"])) for user in users[:ENTITLED]}


def held(database: Database[Document], period: str) -> Counter[ObjectId]:
    """Return how often each user has the month's notification."""
    month = resolve_period(period, NOW)
    shown = {"createdAt": {"$gte": month.end, "$lt": month.shown_until}}
    ids = [notification["_id"] for notification in database.notifications.find(shown)]
    return Counter(
        user["_id"]
        for user in database.users.find({"notifications.id": {"$in": ids}})
        for entry in user["notifications"]
        if entry["id"] in ids
    )


@pytest.mark.parametrize(("page", "kills"), [(1, 10), (40, KILLS), (1000, KILLS)])
def test_the_retry_of_a_run_killed_at_any_moment_gives_everyone_the_notification_once(
    database: Database[Document], mongodb_uri: str, page: int, kills: int
) -> None:
    """Runs are ended by SIGKILL at random moments, each followed by a retry."""
    entitled = fill(database)
    chance = random.Random(20261101)  # noqa: S311 - moments, not secrets
    began = time.monotonic()
    month_end(database, event={"period": f"{UNDISTURBED:%Y-%m}"}, page=page)
    window = time.monotonic() - began
    interrupted = 0
    with forks(RUN) as runs:
        for month in MONTHS[:kills]:
            runs.kill(chance.uniform(0, window), mongodb_uri, database.name, f"{month:%Y-%m}", str(page))
            before = held(database, f"{month:%Y-%m}")
            in_time = len(before) < ENTITLED
            interrupted += in_time
            # Adjust the window so that, on any machine, about half of the kills come before the work is done.
            window *= 1.25 if in_time else 0.8
            assert set(before.values()) <= {1}
            month_end(database, event={"period": f"{month:%Y-%m}"}, page=page)
            assert held(database, f"{month:%Y-%m}") == Counter(entitled)

    # Enough kills came before the work was done, else nothing was tested.
    assert interrupted > kills // 3
    assert database.notifications.count_documents({}) == kills + 1
    assert list(faults(database, PRODUCTION)) == []


@pytest.mark.parametrize("page", [1, 40, 1000])
def test_twenty_runs_at_once_give_everyone_the_notification_once(database: Database[Document], page: int) -> None:
    entitled = fill(database)
    outside = FakeServices()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(
            pool.map(
                lambda _: month_end(database, outside, page=page, event={"period": "2026-06"}),
                range(AT_ONCE),
            )
        )

    assert held(database, "2026-06") == Counter(entitled) == Counter(outside.backend.pushed)
    assert database.notifications.count_documents({}) == 1
    assert sum(run.users_updated for run in done) == ENTITLED
