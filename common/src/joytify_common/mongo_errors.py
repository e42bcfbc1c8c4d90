"""Translate the driver's errors: explain them in words, and decide whether a retry can help."""

from __future__ import annotations

import re

from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidName,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from joytify_common.errors import ConfigError, JobError, PermanentError, TransientError

URI_KEY = "MONGODB_CONNECTION_STRING"
UNUSABLE = f"{URI_KEY}: it is not a usable MongoDB connection string"
UNKNOWN_NAME = f"{URI_KEY}: its host name does not exist in DNS"
REFUSED_LOGIN = "MongoDB refused the user name or password"
NO_RIGHT = "the user lacks a permission; it needs readWrite on the database"
FULL = (
    "MongoDB is full: it accepts no writes because the cluster's storage is used up; delete data or enlarge the cluster"
)
# https://www.mongodb.com/docs/manual/reference/error-codes/
AUTHENTICATION_FAILED, USER_NOT_FOUND, UNAUTHORIZED, OUT_OF_DISK_SPACE = 18, 11, 13, 14031
CONFIG_ERRORS = {
    AUTHENTICATION_FAILED: f"{URI_KEY}: {REFUSED_LOGIN}",
    USER_NOT_FOUND: f"{URI_KEY}: {REFUSED_LOGIN}",
    OUT_OF_DISK_SPACE: FULL,
}
# The proxy of Atlas uses this code for every refusal; only the error text gives the reason:
# https://www.mongodb.com/docs/atlas/troubleshoot-connection/, .../reference/unsupported-commands/
ATLAS_ERROR = 8000
MISSING_RIGHT = re.compile(r"not (allowed to do action|authorized)", re.IGNORECASE)
ATLAS_REFUSALS: dict[str, tuple[type[JobError], str]] = {
    r"bad auth|authentication failed": (ConfigError, f"{URI_KEY}: {REFUSED_LOGIN}"),
    r"space quota": (ConfigError, FULL),
    r"already using \d+ collections": (
        ConfigError,
        "MongoDB is full: Atlas allows no more collections on this cluster",
    ),
    r"too many connections|exceeded time limit": (TransientError, "Atlas refused: the cluster is overloaded"),
    r"not allowed|disallowed|not supported|unsupported": (
        PermanentError,
        "Atlas does not allow this command on this cluster",
    ),
}
# Explanations of common codes: https://www.mongodb.com/docs/manual/reference/error-codes/
WORDS = {
    2: "a value or an option is not valid",
    11000: "a unique index already contains this value",
    121: "the collection's validator refuses the document",
    166: "the collection is a view",
    168: "this version of MongoDB does not support a stage or an operator",
    292: "a sort or group needs more memory than the server allows",
    10334: "a document would be larger than 16 MB",
    17419: "a document would be larger than 16 MB",
    72: "an option is not permitted here",
}
# Codes of transient errors. The driver also labels errors as retryable, but it does not label the errors of bulk
# writes:
# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
TRANSIENT_CODES = frozenset(
    {
        *(6, 7, 89, 9001),  # HostUnreachable, HostNotFound, NetworkTimeout, SocketException
        *(24, 46, 112),  # LockTimeout, LockBusy, WriteConflict
        *(251, 290),  # NoSuchTransaction, TransactionExceededLifetimeLimitSeconds
        *(43, 50),  # CursorNotFound, MaxTimeMSExpired
        *(202, 262),  # NetworkInterfaceExceededTimeLimit, ExceededTimeLimit
        *(64, 133, 134),  # WriteConcernTimeout, FailedToSatisfyReadPreference, ReadConcernMajorityNotAvailableYet
        *(365, 462),  # TemporarilyUnavailable, IngressRequestRateLimitExceeded
        *(91, 189, 10107, 11600, 11601, 11602, 13435, 13436),  # shutting down or no longer primary
    }
)


def connection_string_error(exc: Exception) -> JobError:
    """Return our error for a connection string that is invalid or whose host does not resolve."""
    text = str(exc)
    if re.search(r"timed out|lifetime expired|nameservers failed", text):
        return TransientError(f"{URI_KEY}: DNS did not answer for its host name")
    is_unknown = re.search(r"DNS query name does not exist|does not contain an answer", text) is not None
    return ConfigError(UNKNOWN_NAME if is_unknown else UNUSABLE)


def translated(exc: PyMongoError) -> JobError:
    """Return the driver's error as ours, without host names, credentials or documents."""
    if isinstance(exc, ConfigurationError | InvalidName):
        return _of_configuration(exc)
    if isinstance(exc, BulkWriteError) and (refused := exc.details.get("writeErrors")):
        # The code of a BulkWriteError only says that some writes were refused.
        exc = OperationFailure(str(refused[0].get("errmsg")), refused[0].get("code"), refused[0])
    if isinstance(exc, ServerSelectionTimeoutError):
        return TransientError(
            "MongoDB could not be reached: check that the cluster is running and that its IP "
            f"access list (Atlas: Network Access) admits the functions' addresses ({type(exc).__name__})"
        )
    if isinstance(exc, ConnectionFailure):
        return TransientError(
            f"MongoDB could not be reached, or the connection broke ({type(exc).__name__.strip('_')})"
        )
    if isinstance(exc, ExecutionTimeout) or exc.timeout:
        return TransientError("MongoDB did not answer in the time given")
    if is_transient(exc):
        return TransientError(f"MongoDB temporarily refused the call ({_code(exc)})")
    return _refusal(exc) if isinstance(exc, OperationFailure) else PermanentError(f"MongoDB refused ({_code(exc)})")


def _of_configuration(exc: ConfigurationError | InvalidName) -> JobError:
    """Return our error for a connection string, a name or a server that the driver cannot work with."""
    text = str(exc)
    if isinstance(exc, InvalidName):
        # The driver's text states the rule: "database names cannot contain the character '.'".
        return ConfigError(text)
    if "wire version" in text:
        return PermanentError("the server's version of MongoDB is too old or too new for the driver")
    if "Sessions are not supported" in text:
        return PermanentError("the server has no sessions; it must be MongoDB 4.2 or later, or Atlas")
    return connection_string_error(exc)


def _refusal(exc: OperationFailure) -> JobError:
    """Return our error for a refusal that `is_transient` does not report as transient.

    The server's text is examined but never quoted, since it may contain parts of a document.
    """
    text = str((exc.details or {}).get("errmsg", exc))
    if exc.code in CONFIG_ERRORS:
        return ConfigError(CONFIG_ERRORS[exc.code])
    if exc.code == UNAUTHORIZED and "requires authentication" in text:
        return ConfigError(f"{URI_KEY}: it has no user name and password; MongoDB requires them")
    if exc.code == UNAUTHORIZED or (exc.code == ATLAS_ERROR and MISSING_RIGHT.search(text)):
        return ConfigError(f"{URI_KEY}: {_missing_right(text)}")
    if exc.code == ATLAS_ERROR:
        known = (found for pattern, found in ATLAS_REFUSALS.items() if re.search(pattern, text, re.IGNORECASE))
        kind, says = next(known, (PermanentError, "Atlas refused"))
        return kind(f"{says} ({_code(exc)})" if kind is PermanentError else says)
    words = f"MongoDB refused: {WORDS[exc.code]}" if exc.code in WORDS else "MongoDB refused"
    return PermanentError(f"{words} ({_code(exc)})")


def _missing_right(text: str) -> str:
    """Return which permission the user lacks: on the app's database, or on an internal database.

    The server's internal databases are admin, config and local.
    """
    database = re.search(r"not authorized on ([^\s{}]+) to| on \[([^.\]]+)\.", text)
    name = next(filter(None, database.groups()), "") if database else ""
    if name not in {"admin", "config", "local"}:
        return NO_RIGHT
    return f"the user lacks a permission on the database {name}; it needs a cluster-wide role"


def _code(exc: PyMongoError) -> str:
    """Return the name and code that the server gave an error, or the error's class if it has no code."""
    if not isinstance(exc, OperationFailure) or exc.code is None:
        return type(exc).__name__
    name = (exc.details or {}).get("codeName", type(exc).__name__)
    return f"{name}, code {exc.code}"


def is_transient(exc: PyMongoError) -> bool:
    """Return whether the same call may succeed later."""
    labels = ("RetryableWriteError", "TransientTransactionError", "UnknownTransactionCommitResult")
    code = exc.code if isinstance(exc, OperationFailure) else None
    is_broken = isinstance(exc, ConnectionFailure) or exc.timeout
    return is_broken or code in TRANSIENT_CODES or any(exc.has_error_label(label) for label in labels)
