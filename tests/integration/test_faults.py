"""Cleanup on a server that steps down, drops connections or is slow: retries and error reports."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from cleanup_run import CUTOFF, clean_up
from fail_points import failing
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConfigurationError, PyMongoError

from joytify_cleanup.report import CleanupReport
from joytify_common.errors import TransientError
from joytify_local.mongodb import mongod_path
from joytify_local.processes import free_port, start, stop

Document = dict[str, Any]

EXPIRED, RETAINED = 400, 50
# How long the fail point delays a call. Turning it off waits until the delayed calls have ended, so a longer delay
# would make the tests slower.
SLOW_SECONDS = 6
DROPPED = {"failCommands": ["delete", "find"], "closeConnection": True}
SLOW = {"failCommands": ["delete"], "blockConnection": True}


@pytest.fixture(autouse=True)
def _instant_retries() -> None:
    """Override the fixture of tests/conftest.py: in this module retries really wait, since that is tested."""


@pytest.fixture
def filled(database: Database[Document]) -> Database[Document]:
    """A database with expired and retained playbacks."""
    old = [{"createdAt": CUTOFF - timedelta(days=1), "user": ObjectId()} for _ in range(EXPIRED)]
    new = [{"createdAt": CUTOFF + timedelta(days=1), "user": ObjectId()} for _ in range(RETAINED)]
    database.playbacks.insert_many(old + new)
    return database


def clean(
    database: Database[Document], *, seconds: float = 60, pause: float = 0.0, batch_size: int = 20
) -> CleanupReport:
    return clean_up(database, batch_size=batch_size, seconds=seconds, pause=pause, max_continuations=0)


def test_calls_on_dropped_connections_are_retried_and_deletions_counted_once(
    mongodb: MongoClient[Document], filled: Database[Document]
) -> None:
    # About every seventh call breaks off.
    with failing(mongodb, {"activationProbability": 0.15}, DROPPED):
        # The waits before the retries add up, so this run needs a later deadline.
        progress = clean(filled, seconds=300, batch_size=60)

    assert progress.deleted == EXPIRED
    assert filled.playbacks.count_documents({}) == RETAINED


def test_a_primary_that_steps_down_in_the_middle_is_waited_for(
    mongodb: MongoClient[Document], filled: Database[Document]
) -> None:
    def step_down() -> None:
        time.sleep(0.3)
        try:
            mongodb.admin.command("replSetStepDown", 2, force=True)
        except PyMongoError:
            # The connection may break before the answer comes.
            return

    thread = threading.Thread(target=step_down)
    thread.start()
    progress = clean(filled, pause=0.05)
    thread.join()
    while not mongodb.admin.command("hello")["isWritablePrimary"]:
        time.sleep(0.1)

    assert (progress.deleted, progress.stop_reason) == (EXPIRED, "completed")
    assert filled.playbacks.count_documents({}) == RETAINED


def test_connections_opened_during_a_state_change_still_work(mongodb_uri: str, filled: Database[Document]) -> None:
    """The driver marks such connections as not supporting sessions; cleanup must work nevertheless."""
    with MongoClient[Document](mongodb_uri, tz_aware=True) as client:
        client.admin.command("ping")
        (server,) = client._topology._servers.values()  # noqa: SLF001 - no other way to make such a connection
        for connection in server.pool.conns:
            connection.supports_sessions = False
        with pytest.raises(ConfigurationError, match="Sessions are not supported"), client.start_session() as session:
            client.admin.command("ping", session=session)

        # One command at a time, so that no other connection is opened.
        progress = clean(client[filled.name], pause=0.001)

    assert (progress.deleted, progress.stop_reason) == (EXPIRED, "completed")
    assert filled.playbacks.count_documents({}) == RETAINED


def test_cleanup_waits_for_a_locked_document_and_keeps_it_if_it_is_no_longer_expired(
    mongodb: MongoClient[Document], filled: Database[Document]
) -> None:
    held = filled.playbacks.find_one({"createdAt": {"$lt": CUTOFF}})
    assert held is not None
    with mongodb.start_session() as session, ThreadPoolExecutor() as runner:
        session.start_transaction()
        filled.playbacks.update_one({"_id": held["_id"]}, {"$set": {"createdAt": CUTOFF}}, session=session)
        running = runner.submit(clean, filled)
        time.sleep(0.5)
        assert not running.done()
        session.commit_transaction()
        progress = running.result()

    assert (progress.deleted, progress.stop_reason) == (EXPIRED - 1, "completed")
    assert filled.playbacks.count_documents({"_id": held["_id"]}) == 1


def test_if_the_server_never_recovers_the_run_fails_and_keeps_its_deletions(
    mongodb: MongoClient[Document], filled: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_common.mongo.RETRY_SECONDS", 3)
    with (
        failing(mongodb, {"skip": 12}, {"failCommands": ["delete"], "closeConnection": True}),
        pytest.raises(TransientError, match="could not be reached, or the connection broke"),
    ):
        clean(filled)

    left = filled.playbacks.count_documents({})
    assert RETAINED < left < RETAINED + EXPIRED


def test_a_search_that_becomes_slow_does_not_fail_the_run(
    mongodb: MongoClient[Document], filled: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_common.mongo.GRACE_SECONDS", 0.5)
    searching = {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": SLOW_SECONDS * 1000}
    with failing(mongodb, {"skip": 6}, searching):
        progress = clean(filled, seconds=3)

    assert progress.left
    assert 0 < progress.deleted < EXPIRED


def test_a_run_does_not_wait_for_a_server_that_becomes_slow(
    mongodb: MongoClient[Document], filled: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_common.mongo.GRACE_SECONDS", 0.5)
    began = time.monotonic()
    # Each of four threads deletes batches of 5 documents: 6 batches succeed before the server becomes slow.
    with failing(mongodb, {"skip": 6}, {**SLOW, "blockTimeMS": SLOW_SECONDS * 1000}):
        progress = clean(filled, seconds=3)
        # The run gives up at the deadline plus a grace period, not when the server answers.
        assert time.monotonic() - began < SLOW_SECONDS

    assert progress.left
    assert progress.deleted == 30


def test_a_server_without_transactions_is_cleaned_all_the_same(tmp_path: Path) -> None:
    """A standalone MongoDB does not support transactions."""
    port = free_port("127.0.0.1")
    command = [str(mongod_path()), "--dbpath", str(tmp_path), "--port", str(port), "--bind_ip", "127.0.0.1"]
    with MongoClient[Document](port=port, tz_aware=True, serverSelectionTimeoutMS=500) as client:

        def answers() -> bool:
            with suppress(PyMongoError):
                return bool(client.admin.command("ping"))
            return False

        pid = start([*command, "--nounixsocket"], tmp_path / "mongod.log", answers)
        try:
            old, new = (CUTOFF - timedelta(days=1), CUTOFF + timedelta(days=1))
            client.test.playbacks.insert_many([{"createdAt": old} for _ in range(50)] + [{"createdAt": new}])
            progress = clean(client.test)
            left = client.test.playbacks.count_documents({})
        finally:
            stop([pid])

    assert (progress.deleted, progress.stop_reason, left) == (50, "completed", 1)
