"""Cleanup beside the old algorithm, one raw delete_many and a TTL index, on the same data and server.

Run by `make bench-cleanup`; it writes build/bench/cleanup.json. The order of the ways is the same in every round, and a
ratio is the median of the rounds' ratios, each taken within one round.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import struct
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from bson import ObjectId
from cleanup_run import clean_up
from loguru import logger
from pymongo import DeleteOne, MongoClient
from rich.console import Console
from rich.table import Table

from joytify_cleanup.archive import Archive
from joytify_cleanup.expired import ExpiredDocuments
from joytify_cleanup.retention import Policy, cutoff
from joytify_local.aws import REGION
from joytify_local.stack import start_embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Event

    from joytify_cleanup.report import CleanupReport
    from joytify_common.deadline import Deadline

RESULT = Path("build/bench/cleanup.json")
BATCH, PAUSE_SECONDS = 10_000, 0.1
NOW = datetime.now(UTC)
CUTOFF = cutoff(NOW, 60)
EXPIRED = {"createdAt": {"$lt": CUTOFF}}
BUCKET = "joytify-archive"
CLAIMED = ("time_70", "shuffled_70")
SETTLE_SECONDS = 2

Document = dict[str, Any]
console = Console()


def playbacks(count: int, share: float, *, shuffle: bool) -> Iterator[Document]:
    """Yield playbacks of which this share is expired, in order of time or scattered."""
    expired = round(count * share)
    for position in range(count):
        number = position * 618_033 % count if shuffle else position
        if number < expired:
            moment = CUTOFF - timedelta(days=30) * ((expired - number) / expired)
        else:
            moment = CUTOFF + timedelta(days=50) * ((number - expired + 1) / (count - expired + 1))
        yield {
            "_id": ObjectId(struct.pack(">IIL", 1_700_000_000 + position // 50, 7, position)),
            "user": ObjectId(struct.pack(">IIL", 1, 1, number * 7919 % 5000)),
            "song": ObjectId(struct.pack(">IIL", 1, 2, number * 104_729 % 400)),
            "artist": ObjectId(struct.pack(">IIL", 1, 3, number * 104_729 % 40)),
            "state": "completed",
            "duration": 30 + number % 270,
            "createdAt": moment,
            "updatedAt": moment,
        }


class Bench:
    """One server, and the ways to purge a collection on it."""

    def __init__(self, client: MongoClient[Document], aws: str) -> None:
        self.client = client
        # The TTL monitor would sleep for a minute before it looks.
        client.admin.command("setParameter", 1, ttlMonitorSleepSecs=1)
        self.database = client["joytify-bench"]
        self.s3 = boto3.client(
            "s3",
            endpoint_url=aws,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - MiniStack takes any
        )
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})

    def load(self, name: str, documents: Iterator[Document]) -> None:
        """Write a collection that the rounds are copied from."""
        self.database[name].drop()
        while batch := list(islice(documents, 10_000)):
            self.database[name].insert_many(batch, ordered=False)

    def reset(self, name: str, *, index: bool = False) -> None:
        """Make `playbacks` a fresh copy, with the backend's indexes."""
        self.database.playbacks.drop()
        self.database[name].aggregate([{"$out": "playbacks"}])
        for field in ("user", "song", "artist", *(["createdAt"] if index else [])):
            self.database.playbacks.create_index(field)
        self.client.admin.command("fsync")
        time.sleep(SETTLE_SECONDS)

    def ours(self, *, pause: float, archive: bool = False) -> CleanupReport:
        """Run cleanup itself."""
        archive_to = Archive(self.s3, BUCKET, NOW) if archive else None

        def collections(deadline: Deadline) -> list[ExpiredDocuments]:
            return [ExpiredDocuments(self.database, Policy("playbacks", "createdAt"), CUTOFF, deadline)]

        return clean_up(
            collections, batch_size=BATCH, seconds=840, pause=pause, max_continuations=0, archive=archive_to
        )

    def old(self, *, pause: float) -> None:
        """Run the algorithm of the system that was replaced: a cursor, a bulk of deleteOne, a fixed pause."""
        fields = {"_id": 1, "createdAt": 1, "user": 1, "song": 1}
        with self.database.playbacks.find(EXPIRED, fields, batch_size=BATCH) as cursor:
            while batch := [DeleteOne({"_id": document["_id"]}) for document in islice(cursor, BATCH)]:
                self.database.playbacks.bulk_write(batch, ordered=False)
                time.sleep(pause)

    def raw(self) -> None:
        """Delete everything by one command."""
        self.database.playbacks.delete_many(EXPIRED)

    def ttl(self) -> None:
        """Let a TTL index do it, and wait until it has."""
        seconds = int((datetime.now(UTC) - CUTOFF).total_seconds())
        self.database.playbacks.create_index("createdAt", expireAfterSeconds=seconds)
        while self.database.playbacks.count_documents(EXPIRED, limit=1):
            time.sleep(0.1)

    def seconds(self, way: Callable[[], object], source: str, *, index: bool = False) -> float:
        """Return how long a way takes on a fresh copy, and make sure that it left what it must."""
        self.reset(source, index=index)
        before = self.database.playbacks.count_documents({"createdAt": {"$gte": CUTOFF}})
        began = time.perf_counter()
        way()
        took = time.perf_counter() - began
        left = self.database.playbacks.count_documents({})
        assert left == before, f"{left} left, expected {before}"
        return took


def use_app(uri: str, stopped: Event, latencies: Connection) -> None:
    """Read and insert single playbacks until stopped, as an app does; send the latencies in seconds."""
    taken: list[float] = []
    with MongoClient[Document](uri) as client:
        collection = client["joytify-bench"].playbacks
        while not stopped.is_set():
            user = ObjectId(struct.pack(">IIL", 1, 1, len(taken) * 7919 % 5000))
            began = time.perf_counter()
            if len(taken) % 2:
                list(collection.find({"user": user}).limit(20))
            else:
                collection.insert_one({"user": user, "createdAt": datetime.now(UTC) + timedelta(days=1)})
            taken.append(time.perf_counter() - began)
            time.sleep(0.005)
    latencies.send(taken)


def foreground(uri: str, way: Callable[[], object]) -> dict[str, float]:
    """Return percentiles of an app's calls while the way is at work, and the longest, in milliseconds.

    The app is a process of its own, so that it does not wait for this one's interpreter.
    """
    context = multiprocessing.get_context("spawn")
    stopped = context.Event()
    receive, send = context.Pipe(duplex=False)
    app = context.Process(target=use_app, args=(uri, stopped, send))
    app.start()
    time.sleep(1)
    way()
    stopped.set()
    latencies: list[float] = receive.recv()
    app.join()
    percentiles = statistics.quantiles(latencies, n=100)
    told = {"p50": percentiles[49], "p95": percentiles[94], "p99": percentiles[98], "longest": max(latencies)}
    return {name: round(seconds * 1000, 2) for name, seconds in told.items()}


def compare(bench: Bench, rounds: int, console_: Console) -> dict[str, dict[str, list[float]]]:
    """Time every way on every shape; return seconds by shape and way."""
    ways: dict[str, Callable[[], object]] = {
        "raw": bench.raw,
        "ours_no_pause": lambda: bench.ours(pause=0),
        "ours_defaults": lambda: bench.ours(pause=PAUSE_SECONDS),
        "old_no_pause": lambda: bench.old(pause=0),
        "old_defaults": lambda: bench.old(pause=PAUSE_SECONDS),
        "ttl": bench.ttl,
        "ours_archive": lambda: bench.ours(pause=0, archive=True),
    }
    short = ("raw", "ours_no_pause")
    shapes = {
        "time_70": (ways, False),
        "shuffled_70": (short, False),
        "time_10": (short, False),
        "shuffled_10": (short, False),
    }
    shapes |= {f"{name}_index": (short, True) for name in ("time_70", "shuffled_70", "time_10", "shuffled_10")}
    taken: dict[str, dict[str, list[float]]] = {}
    for name, (chosen, index) in shapes.items():
        # The shapes that no claim rests on are measured once.
        for number in range(rounds if name in CLAIMED else 1):
            for way in chosen:
                seconds = bench.seconds(ways[way], name.removesuffix("_index"), index=index)
                taken.setdefault(name, {}).setdefault(way, []).append(round(seconds, 3))
            console_.print(f"{name} round {number + 1}: { ({way: times[-1] for way, times in taken[name].items()}) }")
    return taken


def gentleness(bench: Bench, uri: str, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Return what a foreground load felt in every round, idle and during each way, in milliseconds."""
    ways: dict[str, Callable[[], object]] = {
        "idle": lambda: time.sleep(5),
        "ours_defaults": lambda: bench.ours(pause=PAUSE_SECONDS),
        "old_defaults": lambda: bench.old(pause=PAUSE_SECONDS),
        "raw": bench.raw,
    }
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            bench.reset("time_70")
            found.setdefault(name, []).append(foreground(uri, way))
    return found


def ratio(taken: dict[str, list[float]], slow: str, fast: str) -> float:
    """Return the median over the rounds of how many times faster one way was."""
    return round(statistics.median(a / b for a, b in zip(taken[slow], taken[fast], strict=True)), 2)


def median_p99(calm: list[dict[str, float]]) -> float:
    """Return the median over the rounds of the 99th percentile."""
    return statistics.median(felt["p99"] for felt in calm)


def figures(taken: dict[str, dict[str, list[float]]], calm: dict[str, list[dict[str, float]]], size: int) -> Document:
    """Return what is written down."""
    time_order, shuffled = taken["time_70"], taken["shuffled_70"]
    return {
        "vs_old_at_defaults": ratio(time_order, "old_defaults", "ours_defaults"),
        "vs_old_at_no_pause": ratio(time_order, "old_no_pause", "ours_no_pause"),
        "vs_raw_delete_many": ratio(time_order, "raw", "ours_no_pause"),
        "shuffled_vs_best": ratio(shuffled, "raw", "ours_no_pause"),
        "vs_ttl": ratio(time_order, "ttl", "ours_no_pause"),
        "archive_vs_no_archive": ratio(time_order, "ours_no_pause", "ours_archive"),
        "foreground_p99_vs_idle": round(median_p99(calm["ours_defaults"]) / median_p99(calm["idle"]), 2),
        "foreground_p99_vs_old": round(median_p99(calm["ours_defaults"]) / median_p99(calm["old_defaults"]), 2),
        "seconds": taken,
        "foreground_ms": calm,
        "size": size,
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
    }


def main() -> None:
    """Measure, print a table, write the figures down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logger.remove()
    stack = start_embedded("joytify-bench", functions=False)
    try:
        with MongoClient[Document](stack.mongodb, tz_aware=True) as client:
            bench = Bench(client, stack.aws)
            for name, share, shuffle in (
                ("time_70", 0.7, False),
                ("shuffled_70", 0.7, True),
                ("time_10", 0.1, False),
                ("shuffled_10", 0.1, True),
            ):
                bench.load(name, playbacks(options.size, share, shuffle=shuffle))
            taken = compare(bench, options.rounds, console)
            told = figures(taken, gentleness(bench, stack.mongodb, options.rounds), options.size)
    finally:
        stack.stop()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(told, indent=2), encoding="utf-8")
    table = Table("shape", "way", "median s", "vs raw")
    for shape, ways in taken.items():
        for way, seconds in ways.items():
            table.add_row(shape, way, f"{statistics.median(seconds):.2f}", f"{ratio(ways, 'raw', way)}")
    console.print(table)
    console.print({name: value for name, value in told.items() if isinstance(value, float)})
    console.print("foreground p99, median ms:", {way: median_p99(felt) for way, felt in told["foreground_ms"].items()})


if __name__ == "__main__":
    main()
