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
from joytify_common.mongo_errors import URI_KEY, connection_string_error, translated

# A server that cannot be reached must fail the run in seconds, not at Lambda's timeout.
CONNECT_SECONDS = 5
# The cutoff is computed with this machine's clock, but the times in documents come from other clocks.
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
# Atlas free and flex clusters reject a maxTimeMS above 300,000:
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
    """Return the container's client for this connection string; it connects on its first call.

    Raises:
        ConfigError: the connection string cannot be parsed, its host name does not exist in DNS, or
            it asks for unacknowledged writes.
        TransientError: DNS did not answer.
    """
    try:
        client: MongoClient[Document] = MongoClient(
            uri,
            appname="joytify-pipeline",
            tz_aware=True,
            serverSelectionTimeoutMS=CONNECT_SECONDS * 1000,
            connectTimeoutMS=CONNECT_SECONDS * 1000,
            # One invocation at a time uses the pool: a thread that reads, and a few threads that write.
            maxPoolSize=8,
        )
    except (PyMongoError, ValueError) as exc:
        # The driver's error text quotes the connection string.
        raise connection_string_error(exc) from None
    if not client.write_concern.acknowledged:
        client.close()
        raise ConfigError(f"{URI_KEY}: w=0 turns off the acknowledgement of writes; remove it or use w=majority")
    return client


def database_in(client: MongoClient[Document]) -> str | None:
    """Return the name of the database in the connection string; None if there is no name or it is `admin`."""
    database = client.get_default_database(default="admin")
    return None if database.name == "admin" else database.name


def connect(uri: SecretStr, name: str) -> Database[Document]:
    """Return a database of the container's client, after its server has answered.

    The primary serves every read, whatever the connection string says, because writes depend on the data that was read.

    Call this outside any `within` block. Inside, the driver would look for a server for as long as
    the block may take, instead of for the few seconds that `mongo_client` sets.

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
    """Check that the server's clock is close to this machine's clock, with which the cutoff is computed.

    Raises:
        TransientError: the clocks differ by more than `MAX_CLOCK_DIFFERENCE`.
    """
    if abs(here - server) > MAX_CLOCK_DIFFERENCE:
        raise TransientError(
            f"the clocks differ by more than {MAX_CLOCK_DIFFERENCE.seconds // 60} minutes: here it is "
            f"{here:%Y-%m-%d %H:%M} UTC, at MongoDB {server:%Y-%m-%d %H:%M} UTC"
        )


@contextmanager
def mongo_errors() -> Iterator[None]:
    """Turn the driver's errors into ours, without host names or credentials.

    Raises:
        ConfigError: bad connection string, user or password refused, missing permission, or the
            cluster's storage is full.
        TransientError: unreachable, disconnected, timed out, or a refusal after which the same call may succeed.
        PermanentError: any other refusal by the server.
    """
    try:
        yield
    except PyMongoError as exc:
        # The cause goes to the log, where the connection string and its password are masked.
        raise translated(exc) from exc


def within(seconds: float) -> AbstractContextManager[None]:
    """Give the MongoDB calls in the block one shared timeout, retries included; 290 s at most."""
    return pymongo.timeout(min(max(seconds, 0.001), MAX_CALL_SECONDS))


@contextmanager
def within_deadline(deadline: Deadline) -> Iterator[None]:
    """End MongoDB calls in the block shortly after the deadline; turn their errors into ours.

    The limit applies to the current thread only: calls in other threads that the block starts are
    not limited.
    """
    with mongo_errors(), within(deadline.remaining() + GRACE_SECONDS):
        yield


def retry(deadline: Deadline, call: Callable[[], T]) -> T:
    """Return the result of a call that is safe to repeat, with retries while they can help and time is left.

    Raises:
        JobError: the error of the last attempt; see `mongo_errors`.
    """
    seconds = min(RETRY_SECONDS, deadline.remaining() + GRACE_SECONDS)
    return stamina.RetryingCaller(ATTEMPTS, seconds)(TransientError, within_deadline(deadline)(call))
