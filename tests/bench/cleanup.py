"""Compares cleanup with the previous system's algorithm, a raw delete_many, and a TTL index, on the same data.

Run by `make bench-cleanup`; it writes build/bench/cleanup.json. The methods are measured in the same
order in every round; a reported ratio of two methods' durations is the median of the rounds' ratios; the growth and
latency ratios are ratios of medians.
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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import boto3
from bson import ObjectId
from cleanup_run import clean_up
from loguru import logger
from pymongo import DeleteOne, MongoClient
from rich.console import Console
from rich.table import Table

from joytify_cleanup.archive import Archive
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.retention import cutoff
from joytify_local.aws import REGION
from joytify_local.stack import start_embedded

RESULT = Path("build/bench/cleanup.json")
BATCH, PAUSE_SECONDS = 10_000, 0.1
NOW = datetime.now(UTC)
CUTOFF = cutoff(NOW, 60)
EXPIRED = {"createdAt": {"$lt": CUTOFF}}
BUCKET = "joytify-archive"
# Two collections: a million playbacks over 67 days, of which the oldest 7 days have expired; and one that is four
# times as large, with the same number of expired playbacks.
WEEK, RETAINED_DAYS, WEEKLY_SIZE, GROWN = timedelta(days=7), 60, 1_000_000, 4
WEEKLY_EXPIRED_SHARE = 7 / 67
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
            **references(number),
            "createdAt": moment,
            "updatedAt": moment,
        }


def weekly(count: int, expired: int, *, shuffle: bool) -> Iterator[Document]:
    """Yield a week's expired playbacks and those that are kept, written in order of time or in another order.

    Each `_id` was created when its playback was played, as in the app.
    """
    for position in range(count):
        number = position * 618_033 % count if shuffle else position
        if number < expired:
            moment = CUTOFF - WEEK * ((expired - number) / expired)
        else:
            moment = CUTOFF + timedelta(days=RETAINED_DAYS) * ((number - expired + 1) / (count - expired + 1))
        yield {
            "_id": ObjectId(struct.pack(">IIL", int(moment.timestamp()), 7, number)),
            **references(number),
            "createdAt": moment,
            "updatedAt": moment,
        }


def references(number: int) -> Document:
    """Return what a playback holds apart from its times."""
    return {
        "user": ObjectId(struct.pack(">IIL", 1, 1, number * 7919 % 5000)),
        "song": ObjectId(struct.pack(">IIL", 1, 2, number * 104_729 % 400)),
        "artist": ObjectId(struct.pack(">IIL", 1, 3, number * 104_729 % 40)),
        "state": "completed",
        "duration": 30 + number % 270,
    }


@dataclass(frozen=True)
class Measured:
    """Duration of one method in seconds, and the number of documents that the server examined."""

    seconds: float
    examined: int


class Bench:
    """One server, and the ways to purge a collection on it."""

    def __init__(self, client: MongoClient[Document], aws: str) -> None:
        self.client = client
        # Turn on the TTL monitor, which the local MongoDB starts without, and shorten its sleep of a minute between
        # passes.
        client.admin.command("setParameter", 1, ttlMonitorEnabled=True, ttlMonitorSleepSecs=1)
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
        """Write a collection, of which each measurement gets a fresh copy."""
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

    def ours(self, *, pause: float, archive: bool = False, sweep: bool = False) -> CleanupReport:
        """Run cleanup itself."""
        archive_to = Archive(self.s3, BUCKET, NOW) if archive else None

        return clean_up(
            self.database,
            {"sweep": sweep},
            now=NOW,
            batch_size=BATCH,
            seconds=840,
            pause=pause,
            max_continuations=0,
            archive=archive_to,
        )

    def old(self, *, pause: float, counts: bool = False) -> None:
        """Run the algorithm of the system that was replaced: a cursor, a bulk of deleteOne, a fixed pause.

        counts: whether to count the expired documents first, as the original does. False keeps the figures comparable
            with those of earlier benchmark runs.
        """
        if counts:
            self.database.playbacks.count_documents(EXPIRED)
        fields = {"_id": 1, "createdAt": 1, "user": 1, "song": 1}
        with self.database.playbacks.find(EXPIRED, fields, batch_size=BATCH) as cursor:
            while batch := [DeleteOne({"_id": document["_id"]}) for document in islice(cursor, BATCH)]:
                self.database.playbacks.bulk_write(batch, ordered=False)
                time.sleep(pause)

    def raw(self) -> None:
        """Delete the expired documents with one command."""
        self.database.playbacks.delete_many(EXPIRED)

    def ttl(self) -> None:
        """Let a TTL index delete the expired documents, and wait until it has."""
        seconds = int((datetime.now(UTC) - CUTOFF).total_seconds())
        self.database.playbacks.create_index("createdAt", expireAfterSeconds=seconds)
        while self.database.playbacks.count_documents(EXPIRED, limit=1):
            time.sleep(0.1)

    def examined(self) -> int:
        """Return how many documents the server has examined since it started."""
        metrics = self.client.admin.command("serverStatus")["metrics"]["queryExecutor"]
        return int(metrics["scannedObjects"])

    def measure(self, way: Callable[[], object], source: str, *, index: bool = False) -> Measured:
        """Measure a method on a fresh copy, and check that as many documents are left as are retained."""
        self.reset(source, index=index)
        before = self.database.playbacks.count_documents({"createdAt": {"$gte": CUTOFF}})
        examined, began = self.examined(), time.perf_counter()
        way()
        took = Measured(round(time.perf_counter() - began, 3), self.examined() - examined)
        left = self.database.playbacks.count_documents({})
        assert left == before, f"{left} left, expected {before}"
        return took


def use_app(uri: str, started: Event, stopped: Event, latencies: Connection) -> None:
    """Read up to 20 playbacks and insert one, in turn, until stopped, as an app does; send the latencies in seconds."""
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
            started.set()
            time.sleep(0.005)
    latencies.send(taken)


def foreground(uri: str, way: Callable[[], object]) -> dict[str, float]:
    """Return percentiles and the maximum of the latency of an app's calls while a method runs, in milliseconds.

    The app is a separate process, so that it does not wait for the interpreter of this process.
    """
    context = multiprocessing.get_context("spawn")
    started, stopped = context.Event(), context.Event()
    receive, send = context.Pipe(duplex=False)
    app = context.Process(target=use_app, args=(uri, started, stopped, send), daemon=True)
    app.start()
    if not started.wait(60):
        raise RuntimeError("the app made no call within 60 s")
    way()
    stopped.set()
    latencies: list[float] = receive.recv()
    app.join()
    percentiles = statistics.quantiles(latencies, n=100)
    told = {"p50": percentiles[49], "p95": percentiles[94], "p99": percentiles[98], "longest": max(latencies)}
    return {name: round(seconds * 1000, 2) for name, seconds in told.items()}


def compare(bench: Bench, rounds: int, console_: Console) -> dict[str, dict[str, list[Measured]]]:
    """Measure each method on the data sets it is listed for; return the measurements by data set and method."""
    ways: dict[str, Callable[[], object]] = {
        "raw": bench.raw,
        "ours_no_pause": lambda: bench.ours(pause=0),
        "ours_defaults": lambda: bench.ours(pause=PAUSE_SECONDS),
        "old_no_pause": lambda: bench.old(pause=0),
        "old_defaults": lambda: bench.old(pause=PAUSE_SECONDS),
        "old_defaults_counted": lambda: bench.old(pause=PAUSE_SECONDS, counts=True),
        "ttl": bench.ttl,
        "ours_archive": lambda: bench.ours(pause=0, archive=True),
        "ours_sweep": lambda: bench.ours(pause=0, sweep=True),
    }
    short = ("raw", "ours_no_pause")
    week = (*short, "ours_defaults", "old_defaults_counted")
    # Data sets on which no published claim depends are measured only once.
    shapes: dict[str, tuple[Iterable[str], int]] = {
        "time_70": ([name for name in ways if name not in {"ours_sweep", "old_defaults_counted"}], rounds),
        "shuffled_70": (short, rounds),
        "time_10": (short, 1),
        "shuffled_10": (short, 1),
        **{f"{name}_index": (short, 1) for name in ("time_70", "shuffled_70", "time_10", "shuffled_10")},
        "weekly": ((*week, "ours_sweep"), rounds),
        "weekly_shuffled": (week, rounds),
        "weekly_grown": (week, rounds),
        "weekly_grown_shuffled": (short, rounds),
    }
    taken: dict[str, dict[str, list[Measured]]] = {}
    for name, (chosen, times) in shapes.items():
        for number in range(times):
            for way in chosen:
                source, index = name.removesuffix("_index"), name.endswith("_index")
                taken.setdefault(name, {}).setdefault(way, []).append(bench.measure(ways[way], source, index=index))
            latest = {way: (each[-1].seconds, each[-1].examined) for way, each in taken[name].items()}
            console_.print(f"{name} round {number + 1}: {latest}")
    return taken


def foreground_latencies(bench: Bench, uri: str, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Return the latencies of the app's calls per round, in ms, with no other load and while each method runs."""
    ways: dict[str, tuple[str, Callable[[], object]]] = {
        "idle": ("time_70", lambda: time.sleep(5)),
        "ours_defaults": ("time_70", lambda: bench.ours(pause=PAUSE_SECONDS)),
        "old_defaults": ("time_70", lambda: bench.old(pause=PAUSE_SECONDS)),
        "raw": ("time_70", bench.raw),
        "weekly_defaults": ("weekly", lambda: bench.ours(pause=PAUSE_SECONDS)),
        "weekly_sweep_defaults": ("weekly", lambda: bench.ours(pause=PAUSE_SECONDS, sweep=True)),
    }
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for name, (source, way) in ways.items():
            bench.reset(source)
            found.setdefault(name, []).append(foreground(uri, way))
    return found


def ratio(taken: dict[str, list[Measured]], one: str, other: str) -> float:
    """Return the median over the rounds of the duration of `one` divided by that of `other`."""
    return round(statistics.median(a.seconds / b.seconds for a, b in zip(taken[one], taken[other], strict=True)), 2)


def median_of(latencies: list[dict[str, float]], percentile: str) -> float:
    """Return the median over the rounds of a percentile."""
    return statistics.median(felt[percentile] for felt in latencies)


def growth(taken: dict[str, dict[str, list[Measured]]], small: str, large: str) -> float:
    """Return how many times longer our cleanup takes on the larger collection (ratio of the medians)."""
    medians = [statistics.median(each.seconds for each in taken[name]["ours_no_pause"]) for name in (small, large)]
    return round(medians[1] / medians[0], 2)


def figures(
    taken: dict[str, dict[str, list[Measured]]], latencies: dict[str, list[dict[str, float]]], size: int, expired: int
) -> Document:
    """Return the figures that are written to build/bench/cleanup.json."""
    time_order, shuffled, week = taken["time_70"], taken["shuffled_70"], taken["weekly"]
    return {
        "vs_old_at_defaults": ratio(time_order, "old_defaults", "ours_defaults"),
        "vs_old_at_no_pause": ratio(time_order, "old_no_pause", "ours_no_pause"),
        "vs_raw_delete_many": ratio(time_order, "raw", "ours_no_pause"),
        "shuffled_vs_best": ratio(shuffled, "raw", "ours_no_pause"),
        "vs_ttl": ratio(time_order, "ttl", "ours_no_pause"),
        "archive_vs_no_archive": ratio(time_order, "ours_no_pause", "ours_archive"),
        "weekly_examined_per_expired": round(
            max(
                each.examined
                for name, ways in taken.items()
                if name.startswith("weekly")
                for each in ways["ours_no_pause"]
            )
            / expired,
            3,
        ),
        "weekly_vs_raw": ratio(week, "raw", "ours_no_pause"),
        "weekly_grown_vs_raw": ratio(taken["weekly_grown"], "raw", "ours_no_pause"),
        "weekly_vs_old_at_defaults": ratio(week, "old_defaults_counted", "ours_defaults"),
        "weekly_sweep_vs_raw": ratio(week, "raw", "ours_sweep"),
        "weekly_growth_4x": growth(taken, "weekly", "weekly_grown"),
        "weekly_growth_4x_shuffled": growth(taken, "weekly_shuffled", "weekly_grown_shuffled"),
        "foreground_p95_vs_idle": round(
            median_of(latencies["ours_defaults"], "p95") / median_of(latencies["idle"], "p95"), 2
        ),
        "foreground_p99_vs_idle": round(
            median_of(latencies["ours_defaults"], "p99") / median_of(latencies["idle"], "p99"), 2
        ),
        "foreground_p99_vs_old": round(
            median_of(latencies["ours_defaults"], "p99") / median_of(latencies["old_defaults"], "p99"), 2
        ),
        "measured": {shape: {way: [asdict(m) for m in each] for way, each in w.items()} for shape, w in taken.items()},
        "foreground_ms": latencies,
        "size": size,
        "weekly_expired": expired,
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
    }


def main() -> None:
    """Measure, print a table, record the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=500_000)
    parser.add_argument("--weekly", type=int, default=WEEKLY_SIZE)
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
            expired = round(options.weekly * WEEKLY_EXPIRED_SHARE)
            for name, size in (("weekly", options.weekly), ("weekly_grown", GROWN * options.weekly)):
                for suffix in ("", "_shuffled"):
                    bench.load(name + suffix, weekly(size, expired, shuffle=bool(suffix)))
            taken = compare(bench, options.rounds, console)
            told = figures(taken, foreground_latencies(bench, stack.mongodb, options.rounds), options.size, expired)
    finally:
        stack.stop()
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(told, indent=2), encoding="utf-8")
    table = Table("shape", "way", "median s", "raw / way", "examined")
    for shape, ways in taken.items():
        for way, each in ways.items():
            seconds = statistics.median(measured.seconds for measured in each)
            table.add_row(shape, way, f"{seconds:.2f}", f"{ratio(ways, 'raw', way)}", f"{each[-1].examined:,}")
    console.print(table)
    console.print({name: value for name, value in told.items() if isinstance(value, float)})
    for percentile in ("p95", "p99"):
        felt = {way: median_of(each, percentile) for way, each in told["foreground_ms"].items()}
        console.print(f"foreground {percentile}, median ms:", felt)


if __name__ == "__main__":
    main()
