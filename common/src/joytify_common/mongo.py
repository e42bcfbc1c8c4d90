"""MongoDB: one client per container, and the driver's errors turned into ours."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import pymongo
import stamina
from pymongo import MongoClient
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from joytify_common.deadline import GRACE_SECONDS
from joytify_common.errors import ConfigError, JobError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr

    from joytify_common.deadline import Deadline

URI_KEY = "MONGODB_CONNECTION_STRING"
UNUSABLE = f"{URI_KEY}: it is not a MongoDB connection string that can be used, or its name is not known to the DNS"
# A server that cannot be reached must fail the run in seconds, not at Lambda's timeout.
CONNECT_SECONDS = 5
# AuthenticationFailed and Unauthorized: https://www.mongodb.com/docs/manual/reference/error-codes/
REFUSALS = {
    18: "MongoDB refused the user name or password",
    13: "the user may not do this; it needs readWrite on the database",
}
CURSOR_NOT_FOUND = 43
# The node is no primary any more, or is going down; the driver calls these retryable where it retries itself, which it
# does not for a write of many documents: https://www.mongodb.com/docs/manual/reference/error-codes/
STATE_CHANGES = {91, 189, 10107, 11600, 11602, 13435, 13436}
ATTEMPTS = 12
# An election of a new primary takes about 12 s: https://www.mongodb.com/docs/manual/replication/#automatic-failover
RETRY_SECONDS = 45

Document = dict[str, Any]
T = TypeVar("T")


@cache
def mongo_client(uri: str) -> MongoClient[Document]:
    """Return the container's client for this connection string; it connects at its first call.

    Raises:
        ConfigError: the connection string cannot be understood.
    """
    try:
        return MongoClient(
            uri,
            appname="joytify-pipeline",
            tz_aware=True,
            serverSelectionTimeoutMS=CONNECT_SECONDS * 1000,
            connectTimeoutMS=CONNECT_SECONDS * 1000,
            # One invocation at a time: a reader, a few writers and the monitor.
            maxPoolSize=8,
        )
    except (PyMongoError, ValueError):
        # Whatever the driver says of it quotes it.
        raise ConfigError(UNUSABLE) from None


def connect(uri: SecretStr) -> MongoClient[Document]:
    """Return the container's client once its server has answered.

    This is asked before any block under `within`, which would have the driver look for a server as long as the block
    may take, instead of the few seconds of `mongo_client`.

    Raises:
        ConfigError: the connection string cannot be used, or the user or password was refused.
        TransientError: the server cannot be reached.
    """
    client = mongo_client(uri.get_secret_value())
    with mongo_errors():
        client.admin.command("ping")
    return client


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
        raise _translate(exc) from exc


def within(seconds: float) -> AbstractContextManager[None]:
    """Bound every MongoDB call in the block by one client-side timeout, retries included."""
    return pymongo.timeout(max(seconds, 0.001))


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


def _translate(exc: PyMongoError) -> JobError:
    if isinstance(exc, (InvalidURI, ConfigurationError)):
        return ConfigError(UNUSABLE)
    if isinstance(exc, OperationFailure) and exc.code in REFUSALS:
        return ConfigError(f"{URI_KEY}: {REFUSALS[exc.code]}")
    if isinstance(exc, ServerSelectionTimeoutError):
        return TransientError(
            "MongoDB could not be reached: see whether the cluster is running, and whether its IP access list "
            f"(Atlas: Network Access) admits the functions' addresses ({type(exc).__name__})"
        )
    if isinstance(exc, ConnectionFailure):
        return TransientError(f"MongoDB could not be reached, or the connection broke ({type(exc).__name__})")
    if isinstance(exc, ExecutionTimeout) or exc.timeout:
        return TransientError("MongoDB did not answer in the time given")
    code = exc.code if isinstance(exc, OperationFailure) else None
    retryable = exc.has_error_label("RetryableWriteError") or code == CURSOR_NOT_FOUND or code in STATE_CHANGES
    return (TransientError if retryable else PermanentError)(f"MongoDB refused ({type(exc).__name__}, code {code})")
