"""MongoDB: one client per container, and the driver's errors turned into ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, TypeVar

import pymongo
import stamina
from bson import CodecOptions
from loguru import logger
from pydantic import SecretStr
from pymongo import MongoClient, ReadPreference
from pymongo.database import Database
from pymongo.errors import PyMongoError

from joytify_common.deadline import GRACE_SECONDS, Deadline
from joytify_common.errors import ConfigError, TransientError
from joytify_common.mongo_refusals import URI_KEY, of_connection_string, translated

# A server that cannot be reached must fail the run in seconds, not at Lambda's timeout.
CONNECT_SECONDS = 5
# A transaction's clock and the session's `expiresAt` are the server's, the cutoff is this machine's.
MOST_CLOCK_DIFFERENCE = timedelta(minutes=5)
# Atlas' free and flexible clusters take no maxTimeMS above 300,000:
# https://www.mongodb.com/docs/atlas/reference/free-shared-limitations/
MAX_CALL_SECONDS = 290.0
ATTEMPTS = 25
# An election of a new primary takes about 12 s: https://www.mongodb.com/docs/manual/replication/#automatic-failover
# A run that was killed leaves its transaction open, which conflicts with the next run for a minute:
# https://www.mongodb.com/docs/manual/reference/parameters/#mongodb-parameter-param.transactionLifetimeLimitSeconds
RETRY_SECONDS = 75

Document = dict[str, Any]
T = TypeVar("T")


@cache
def mongo_client(uri: str) -> MongoClient[Document]:
    """Return the container's client for this connection string; it connects at its first call.

    Raises:
        ConfigError: the connection string cannot be understood, the DNS does not know its name, or it asks for writes
            that nobody confirms.
        TransientError: the DNS did not answer.
    """
    try:
        client: MongoClient[Document] = MongoClient(
            uri,
            appname="joytify-pipeline",
            tz_aware=True,
            serverSelectionTimeoutMS=CONNECT_SECONDS * 1000,
            connectTimeoutMS=CONNECT_SECONDS * 1000,
            # One invocation at a time: a reader, a few writers and the monitor.
            maxPoolSize=8,
        )
    except (PyMongoError, ValueError) as exc:
        # Whatever the driver says of it quotes it.
        raise of_connection_string(exc) from None
    if not client.write_concern.acknowledged:
        client.close()
        raise ConfigError(f"{URI_KEY}: w=0 leaves out the confirmation of writes; remove it, or say w=majority")
    return client


def database_in(client: MongoClient[Document]) -> str | None:
    """Return the database that the connection string names; None if it names none, or only where users are kept."""
    database = client.get_default_database(default="admin")
    return None if database.name == "admin" else database.name


def connect(uri: SecretStr, name: str) -> Database[Document]:
    """Return a database of the container's client, once its server has answered.

    The primary serves every read, whatever the connection string says: what is read decides what is written.

    This is asked before any block under `within`, which would have the driver look for a server as long as the block
    may take, instead of the few seconds of `mongo_client`.

    Raises:
        ConfigError: the connection string cannot be used, or the user or password was refused.
        TransientError: the server cannot be reached, or its clock and this machine's differ.
    """
    client = mongo_client(uri.get_secret_value())
    if (other := database_in(client)) not in {None, name}:
        logger.warning(f"{URI_KEY} names the database {other}, which is ignored: DB_NAME says {name}")
    with mongo_errors():
        hello: Document = client.admin.command("hello", codec_options=CodecOptions(tz_aware=True))
    check_clock(datetime.now(UTC), hello["localTime"])
    return client.get_database(name, read_preference=ReadPreference.PRIMARY)


def check_clock(here: datetime, server: datetime) -> None:
    """Make sure that what has expired by this machine's clock has expired by the server's as well.

    Raises:
        TransientError: the clocks differ.
    """
    if abs(here - server) > MOST_CLOCK_DIFFERENCE:
        raise TransientError(
            f"the clocks differ by more than {MOST_CLOCK_DIFFERENCE.seconds // 60} minutes: here it is "
            f"{here:%Y-%m-%d %H:%M} UTC, at MongoDB {server:%Y-%m-%d %H:%M} UTC"
        )


@contextmanager
def mongo_errors() -> Iterator[None]:
    """Turn the driver's errors into ours, without host names or credentials.

    Raises:
        ConfigError: bad connection string, or user or password refused.
        TransientError: unreachable, disconnected, timed out, or a server error that the driver calls retryable.
        PermanentError: any other refusal by the server.
    """
    try:
        yield
    except PyMongoError as exc:
        # The cause goes to the log, where the connection string and its password are masked.
        raise translated(exc) from exc


def within(seconds: float) -> AbstractContextManager[None]:
    """Bound every MongoDB call in the block by one client-side timeout, retries included; by 290 s at most."""
    return pymongo.timeout(min(max(seconds, 0.001), MAX_CALL_SECONDS))


@contextmanager
def bounded(deadline: Deadline) -> Iterator[None]:
    """Let no MongoDB call in the block outlive the deadline by more than a grace, and turn its errors into ours.

    The bound is the thread's own: a block that starts another thread does not bound that one's calls.
    """
    with mongo_errors(), within(deadline.remaining() + GRACE_SECONDS):
        yield


def attempts(deadline: Deadline) -> Iterator[stamina.Attempt]:
    """Yield attempts at a call that is safe to make twice, while a retry can help and time is left."""
    seconds = min(RETRY_SECONDS, deadline.remaining() + GRACE_SECONDS)
    return iter(stamina.retry_context(on=TransientError, attempts=ATTEMPTS, timeout=seconds))


def retry(deadline: Deadline, call: Callable[[], T]) -> T:
    """Make a call that is safe to repeat until it succeeds, a retry cannot help or time is up; return its result.

    Raises:
        JobError: of the last attempt; see `mongo_errors`.
    """
    for attempt in attempts(deadline):
        with attempt, bounded(deadline):
            return call()
    raise AssertionError("unreachable: the last attempt returns or raises")
