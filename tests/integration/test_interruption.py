"""Ctrl-C while a command writes: its counts include everything that it has written, and nothing is written later."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from cleanup_run import CUTOFF, NOW, clean_up
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.results import DeleteResult, InsertManyResult
from typer.testing import CliRunner

from joytify_cleanup.archive import Archive
from joytify_cli import interruption
from joytify_cli.data import commands, generate
from joytify_cli.data.population import Population
from joytify_cli.data.verify import faults
from joytify_cli.main import app
from joytify_cli.operate import archive
from joytify_cli.progress import progress_bar
from joytify_common.collections import PRODUCTION, TEST
from joytify_local.aws import aws_client
from joytify_stats import rebuild

Document = dict[str, Any]


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Handle signals as the program does."""
    before = {each: signal.getsignal(each) for each in interruption.SIGNALS}
    monkeypatch.setattr(interruption, "_interrupted_at", None)
    # A process that a shell starts in the background ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interruption.handle_interruptions()
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def interrupt_at_start(monkeypatch: pytest.MonkeyPatch, pool: int) -> list[threading.Thread]:
    """Send Ctrl-C just after a pool's first thread has started, before the pool has recorded the thread.

    Args:
        monkeypatch: pytest's.
        pool: index of the pool, counted from 0 in the order in which the pools start.

    Returns:
        A list that receives the workers of all pools.
    """
    start, workers = threading.Thread.start, list[threading.Thread]()

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if thread.name.startswith("ThreadPoolExecutor"):
            workers.append(thread)
            if thread.name.endswith("_0") and sum(worker.name.endswith("_0") for worker in workers) == pool + 1:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    return workers


@pytest.mark.parametrize(
    ("pool", "written"),
    [(0, (250, 0, 0, 0)), (1, (475, 500, 0, 0)), (2, (475, 500, 5000, 0))],
    ids=["stats", "users", "playbacks"],
)
def test_an_interrupted_fill_completes_the_batch_in_progress_and_writes_no_other(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, pool: int, written: tuple[int, ...]
) -> None:
    population = Population(now=datetime.now(UTC), users=500, playbacks_per_user=20)
    writers = interrupt_at_start(monkeypatch, pool)

    with progress_bar() as progress, pytest.raises(KeyboardInterrupt):
        generate.fill(database, PRODUCTION, population, progress)

    assert [writer for writer in writers if writer.is_alive()] == []
    kinds = ("stats", "users", "playbacks", "sessions")
    assert tuple(database[kind].count_documents({}) for kind in kinds) == written
    assert list(faults(database, PRODUCTION)) == []


def test_an_interrupted_restore_counts_what_it_inserted(
    database: Database[Document], endpoint: str, bucket: str, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = CUTOFF - timedelta(days=1)
    database.playbacks.insert_many({"createdAt": old} for _ in range(30))
    clean_up(database, batch_size=10, max_continuations=0, archive=Archive(aws_client("s3", endpoint), bucket, NOW))
    assert database.playbacks.count_documents({}) == 0
    monkeypatch.setattr(archive, "BATCH", 1)
    insert = Collection.insert_many

    def interrupted(collection: Collection[Document], *batch: Any, **options: Any) -> InsertManyResult:
        result = insert(collection, *batch, **options)
        if collection.count_documents({}) == 11:
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(Collection, "insert_many", interrupted)
    days = ("--from", NOW.date().isoformat(), "--to", NOW.date().isoformat())
    where = ("--bucket", bucket, "--aws", "--uri", mongodb_uri, "--database", database.name)
    done = CliRunner().invoke(app, ["archive", "restore", *days, *where, "--yes"], env={"AWS_ENDPOINT_URL": endpoint})

    assert (done.exit_code, database.playbacks.count_documents({})) == (130, 11), done.output
    assert "11 inserted, 0 already present, 0 differing, 0 refused" in done.output


def test_an_interrupted_clear_removes_no_further_documents(
    database: Database[Document], mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("playbacks", "sessions", "users"):
        database[kind].insert_many({} for _ in range(5))
    delete = Collection.delete_many

    def interrupted(collection: Collection[Document], query: Document) -> DeleteResult:
        if collection.name == "playbacks":
            signal.raise_signal(signal.SIGINT)
        return delete(collection, query)

    monkeypatch.setattr(Collection, "delete_many", interrupted)
    where = ("--uri", mongodb_uri, "--database", database.name)
    done = CliRunner().invoke(app, ["data", "clear", "--production", "--confirm", database.name, *where])

    assert [database[kind].count_documents({}) for kind in ("playbacks", "sessions", "users")] == [0, 5, 5]
    assert (done.exit_code, "interrupted; the same command removes the rest" in done.output) == (130, True)


def test_an_interrupted_clear_of_the_test_collections_drops_no_further_collection(
    database: Database[Document], mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("test-playbacks", "test-users"):
        database[kind].insert_many({} for _ in range(5))
    drop = Collection.drop

    def interrupted(collection: Collection[Document]) -> None:
        if collection.name == "test-playbacks":
            signal.raise_signal(signal.SIGINT)
        drop(collection)

    monkeypatch.setattr(Collection, "drop", interrupted)
    done = CliRunner().invoke(app, ["data", "clear", "--uri", mongodb_uri, "--database", database.name])

    assert [database[kind].count_documents({}) for kind in ("test-playbacks", "test-users")] == [0, 5]
    assert "test-playbacks: 5 documents removed" in done.output
    assert (done.exit_code, "interrupted; the same command removes the rest" in done.output) == (130, True)


def test_an_interruption_is_reported_even_if_the_documents_cannot_be_counted(
    database: Database[Document], mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "COUNT_SECONDS", 1e-6)
    interrupt_at_start(monkeypatch, 0)
    where = ("--uri", mongodb_uri, "--database", database.name)
    done = CliRunner().invoke(app, ["data", "generate", "20", *where])

    assert done.exit_code == 130
    assert "the documents could not be counted within 0 s" in done.output
    assert "`joytify data append N --seed 1` adds other users" in done.output


def test_an_interrupted_build_counts_the_users_that_it_finished(
    database: Database[Document], mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    users, month = [ObjectId() for _ in range(40)], datetime(2026, 10, 1, tzinfo=UTC)
    play = {"song": ObjectId(), "artist": ObjectId(), "state": "completed", "duration": 60}
    times = (month - timedelta(days=1), month)
    database[TEST.users].insert_many({"_id": user} for user in users)
    database[TEST.playbacks].insert_many({**play, "user": user, "createdAt": at} for user in users for at in times)
    database[TEST.playbacks].create_index("user")
    monkeypatch.setattr(rebuild, "PAGE_USERS", 10)
    interrupt_at_start(monkeypatch, 0)

    where = ("--uri", mongodb_uri, "--database", database.name, "--period", "2026-10")
    done = CliRunner().invoke(app, ["reports", "build", *where])

    assert (done.exit_code, database[TEST.stats].count_documents({})) == (130, 10), done.output
    assert "interrupted; 10 users done" in done.output
    assert f"--after {users[9]}" in done.output
