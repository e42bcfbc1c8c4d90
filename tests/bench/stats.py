"""Compares stats with the previous system's algorithm and a raw updateMany; then runs the image for a million users.

Run by `make bench-stats`; it writes build/bench/stats.json. Each round yields a ratio; the
reported ratio is their median.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import struct
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from bson import ObjectId
from in_image import invoke_limited
from loguru import logger
from month_end import month_end
from pydantic import SecretStr
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from joytify_cli.docker import bridge_address
from joytify_local.aws import API_KEY
from joytify_local.stack import Stack, start_embedded
from joytify_stats.backend import Backend

RESULT = Path("build/bench/stats.json")
DATABASE = "joytify-bench"
SIZES, PUBLISHED_SIZE, SMALL, LARGE = (5_000, 100_000), 100_000, 10_000, 1_000_000
PAGE, PUSH = 5000, 1000
LATENCY_SECONDS = 0.02
NOW = datetime.now(UTC)
MONTH = (NOW.replace(day=1) - timedelta(days=1)).replace(day=1, hour=12, minute=0, second=0, microsecond=0)
# Of every 10 users one has opted out, and another has no statistics.
GROUP, OPTED_OUT, WITHOUT_STATISTICS = 10, 0, 5
SETTLE_SECONDS = 2

Document = dict[str, Any]
console = Console()


def identity(kind: int, number: int) -> ObjectId:
    """Return the `_id` of the number-th document of a kind."""
    return ObjectId(struct.pack(">IIL", 1_700_000_000, kind, number))


def users(count: int) -> Iterator[Document]:
    """Yield user documents that are as large as the app's user documents."""
    for number in range(count):
        yield {
            "_id": identity(1, number),
            "email": f"listener{number}@example.com",
            "username": f"Listener {number}",
            "password": "$2b$10$" + "x" * 53,
            "biography": "Listens to music. " * 44,
            "notifications": [],
            "userPreferences": {
                "locale": "zh-TW",
                "notifications": {
                    "monthlyStatistic": number % GROUP != OPTED_OUT,
                    "followingArtistUpdate": True,
                    "systemAnnouncement": True,
                },
            },
            "createdAt": NOW,
            "updatedAt": NOW,
        }


def stats(count: int) -> Iterator[Document]:
    """Yield a statistics document with one month for each user who has statistics."""
    summary = {"month": MONTH.month, "year": MONTH.year, "totalDuration": 9000, "growthPercentage": 0}
    for number in (number for number in range(count) if number % GROUP != WITHOUT_STATISTICS):
        element = {
            "songs": [{"song": identity(3, number % 400), "totalDuration": 9000}],
            "artists": [{"artist": identity(4, number % 40), "totalDuration": 9000}],
            "peakHour": [{"hour": 20, "totalDuration": 9000, "utilization": 250.0}],
            "summary": summary,
            "createdAt": MONTH,
            "updatedAt": MONTH,
        }
        yield {"_id": identity(2, number), "user": identity(1, number), "stats": [element]}


class Bench:
    """One server with a number of users, and the compared ways to notify them."""

    def __init__(self, client: MongoClient[Document], stack: Stack, count: int) -> None:
        self.database = client[DATABASE]
        self.stack = stack
        self.count = count
        self.entitled = sum(number % GROUP not in {OPTED_OUT, WITHOUT_STATISTICS} for number in range(count))
        self.with_statistics = [identity(1, n) for n in range(count) if n % GROUP != WITHOUT_STATISTICS]
        httpx.put(stack.backend + "/mood", json={"latencySeconds": LATENCY_SECONDS}).raise_for_status()

    def load(self) -> None:
        """Write the users and their statistics."""
        for name, documents in (("template", users(self.count)), ("stats", stats(self.count))):
            self.database[name].drop()
            while batch := list(islice(documents, 10_000)):
                self.database[name].insert_many(batch, ordered=False)
        self.database.stats.create_index("user")

    def reset(self) -> None:
        """Make `users` a fresh copy, and forget what was pushed."""
        self.database.notifications.drop()
        self.database.pipelineDeliveries.drop()
        self.database.users.drop()
        self.database.template.aggregate([{"$out": "users"}])
        self.database.client.admin.command("fsync")
        httpx.delete(self.stack.backend + "/pushed").raise_for_status()
        time.sleep(SETTLE_SECONDS)

    def ours(self) -> None:
        """Run the use case of stats."""
        backend = Backend(domain=self.stack.backend, key=SecretStr(API_KEY))
        month_end(self.database, backend=backend, seconds=600, page=PAGE, push_size=PUSH, now=NOW)

    def raw(self) -> None:
        """Make the same change with one updateMany, given the ids of the users who have statistics.

        Send nothing to the backend.
        """
        notification, run = ObjectId(), ObjectId()
        self.database.users.update_many(
            {
                "_id": {"$in": self.with_statistics},
                "userPreferences.notifications.monthlyStatistic": True,
                "notifications.id": {"$ne": notification},
            },
            {
                "$push": {"notifications": {"id": notification, "viewed": False, "read": False}},
                "$set": {"monthlyStatisticDelivery": {"notification": notification, "run": run}},
            },
        )

    def old(self) -> None:
        """Run the algorithm of the system that was replaced: load all, update by all ids, one request."""
        in_month = {"$elemMatch": {"createdAt": {"$gte": MONTH.replace(hour=0)}}}
        found = [document["user"] for document in self.database.stats.find({"stats": in_month})]
        wanting = self.database.users.find(
            {"_id": {"$in": found}, "userPreferences.notifications.monthlyStatistic": True}
        )
        ids = [user["_id"] for user in list(wanting)]
        entry = {"id": self.database.notifications.insert_one({"type": "monthlyStatistic"}).inserted_id}
        self.database.users.update_many({"_id": {"$in": ids}}, {"$push": {"notifications": entry}})
        body = {"userIds": [str(user) for user in ids]}
        httpx.post(self.stack.backend + "/notifications/socket", json=body, headers={"x-api-key": API_KEY}, timeout=60)

    def seconds(self, way: Callable[[], object]) -> float:
        """Return the seconds that a way takes; check that it notifies the right number of users."""
        self.reset()
        began = time.perf_counter()
        way()
        took = time.perf_counter() - began
        told = self.database.users.count_documents({"notifications": {"$size": 1}})
        assert told == self.entitled, f"{told} users notified, expected {self.entitled}"
        return round(took, 3)

    def pushed(self) -> list[int]:
        """Return the number of users in each request that the backend accepted."""
        taken: list[int] = httpx.get(self.stack.backend + "/pushed", timeout=60).json()["requests"]
        return taken


def compare(client: MongoClient[Document], stack: Stack, size: int, rounds: int) -> Document:
    """Time every way with this number of users."""
    bench = Bench(client, stack, size)
    bench.load()
    taken: dict[str, list[float]] = {"raw": [], "ours": [], "old": []}
    requests: dict[str, int] = {}
    for number in range(rounds):
        for name, seconds in taken.items():
            seconds.append(bench.seconds(getattr(bench, name)))
            requests[name] = len(bench.pushed())
        console.print(f"{size:,} users round {number + 1}: { ({name: times[-1] for name, times in taken.items()}) }")
    ratios = {
        "vs_raw_update_many": ratio(taken["ours"], taken["raw"]),
        "vs_old": ratio(taken["old"], taken["ours"]),
    }
    return {**ratios, "seconds": taken, "requests_taken": requests}


def ratio(these: list[float], those: list[float]) -> float:
    """Return the median over the rounds of the time in `these` divided by the time in `those`."""
    return round(statistics.median(a / b for a, b in zip(these, those, strict=True)), 2)


def in_image(client: MongoClient[Document], stack: Stack, size: int) -> Document:
    """Run the image once on a database with this number of users, under Lambda's limits."""
    bench = Bench(client, stack, size)
    bench.load()
    bench.reset()
    answer, peak = invoke_limited("stats", stack, {"DB_NAME": DATABASE}, timeout_seconds=300)
    told = bench.database.users.count_documents({"notifications": {"$size": 1}})
    assert told == bench.entitled, f"{told} users notified, expected {bench.entitled}: {answer}"
    pushed = bench.pushed()
    assert sum(pushed) == bench.entitled, f"{sum(pushed)} pushed, expected {bench.entitled}: {answer}"
    return {
        "users": size,
        "told": told,
        "seconds": answer["executionTimeMs"] / 1000,
        "peak_memory_mb": peak,
        "requests": len(pushed),
    }


def main() -> None:
    """Measure, print a table, write the figures down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=LARGE)
    options = parser.parse_args()
    logger.remove()
    stack = start_embedded(DATABASE, host=bridge_address())
    try:
        with MongoClient[Document](stack.mongodb, tz_aware=True) as client:
            compared = {size: compare(client, stack, size, options.rounds) for size in SIZES}
            small, large = (in_image(client, stack, size) for size in (SMALL, options.large))
    finally:
        stack.stop()
    told = {
        "vs_raw_update_many": compared[PUBLISHED_SIZE]["vs_raw_update_many"],
        "vs_old": compared[PUBLISHED_SIZE]["vs_old"],
        "peak_memory_1m_vs_10k": round(large["peak_memory_mb"] / small["peak_memory_mb"], 2),
        "seconds_1m": large["seconds"],
        "compared": compared,
        "in_image": [small, large],
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(told, indent=2), encoding="utf-8")
    table = Table("users", "raw s", "ours s", "old s", "ours / raw", "old / ours")
    for size, row in compared.items():
        medians = (f"{statistics.median(row['seconds'][way]):.2f}" for way in ("raw", "ours", "old"))
        table.add_row(f"{size:,}", *medians, f"{row['vs_raw_update_many']}", f"{row['vs_old']}")
    console.print(table)
    for row in told["in_image"]:
        console.print("in the image, 1,024 MB and 0.6 CPU:", row)


if __name__ == "__main__":
    main()
