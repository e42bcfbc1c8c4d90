"""Errors of the server and the driver are translated into errors that say what they mean.

The texts are as Atlas and MongoDB write them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import BulkWriteError, ConfigurationError, OperationFailure, WriteError

from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_common.mongo import check_clock, mongo_errors
from joytify_common.mongo_errors import URI_KEY, translated


def failure(code: int, text: str, name: str = "") -> OperationFailure:
    details: dict[str, Any] = {"ok": 0, "code": code, "errmsg": text, **({"codeName": name} if name else {})}
    return OperationFailure(text, code, details)


@pytest.mark.parametrize(
    ("code", "text", "kind", "says"),
    [
        (18, "Authentication failed.", ConfigError, "refused the user name or password"),
        (8000, "bad auth : authentication failed", ConfigError, "refused the user name or password"),
        (8000, "bad auth : Authentication failed.", ConfigError, "refused the user name or password"),
        (
            8000,
            "user is not allowed to do action [remove] on [mern-joytify.playbacks]",
            ConfigError,
            "it needs readWrite on the database",
        ),
        (8000, "you are over your space quota, using 513 MB of 512 MB", ConfigError, "MongoDB is full"),
        (
            8000,
            "listShards is not allowed in this atlas tier",
            PermanentError,
            "does not allow this command",
        ),
        (8000, "CMD_NOT_ALLOWED: setParameter is not supported", PermanentError, "does not allow this command"),
        (8000, "something new", PermanentError, "Atlas refused"),
        (13, "not authorized on mern-joytify to execute command { delete: 1 }", ConfigError, "needs readWrite"),
        (13, "not authorized on admin to execute command { serverStatus: 1 }", ConfigError, "a cluster-wide role"),
        (13, "command find requires authentication", ConfigError, "it has no user name and password"),
        (11, "Could not find user app", ConfigError, "refused the user name or password"),
        (14031, "available disk space of 1 bytes is less than required", ConfigError, "MongoDB is full"),
        (8000, "cannot create a new collection -- already using 500 collections of 500", ConfigError, "full"),
        (8000, "noTimeout cursors are disallowed in this atlas tier", PermanentError, "does not allow this command"),
        (8000, "user is not allowed to do action [listDatabases] on [admin.]", ConfigError, "a cluster-wide role"),
        (2, "$in needs an array", PermanentError, "a value or an option is not valid"),
        (72, "cannot specify readConcern", PermanentError, "an option is not permitted"),
        (166, "Namespace is a view", PermanentError, "the collection is a view"),
        (168, "Unrecognized pipeline stage name", PermanentError, "does not support a stage or an operator"),
        (112, "WriteConflict", TransientError, "temporarily refused"),
        (12345, "no such thing", PermanentError, "code 12345"),
    ],
)
def test_a_refusal_says_what_it_means(code: int, text: str, kind: type[Exception], says: str) -> None:
    found = translated(failure(code, text))

    assert type(found) is kind
    assert says in str(found)
    assert ("readWrite" in str(found)) is (says in {"it needs readWrite on the database", "needs readWrite"})


@pytest.mark.parametrize(
    "text",
    [
        "Server at db.example:27017 reports wire version 5, but this version of PyMongo requires at least 8",
        "Server at db.example:27017 requires wire version 99, but this version of PyMongo only supports up to 25.",
        "Sessions are not supported by this MongoDB deployment",
    ],
)
def test_what_the_server_cannot_do_is_not_blamed_on_the_connection_string(text: str) -> None:
    found = translated(ConfigurationError(text))

    assert type(found) is PermanentError
    assert URI_KEY not in str(found)
    assert "db.example" not in str(found)


def test_the_error_of_a_bulk_write_gives_the_reason_of_the_refused_write() -> None:
    refused = {"index": 3, "code": 14031, "errmsg": "disk is full"}

    assert "MongoDB is full" in str(translated(BulkWriteError({"writeErrors": [refused], "writeConcernErrors": []})))


def test_the_code_name_is_shown_but_no_part_of_the_document() -> None:
    error = WriteError("Document failed validation", 121, {"errInfo": {"failingDocumentId": "ann@example.com"}})

    assert (
        str(translated(error))
        == "MongoDB refused: the collection's validator refuses the document (WriteError, code 121)"
    )
    assert "IndexNotFound, code 27" in str(translated(failure(27, "index not found", "IndexNotFound")))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The DNS query name does not exist: _mongodb._tcp.cluster0.abcde.mongodb.net.", ConfigError),
        ("The DNS response does not contain an answer to the question: cluster0.mongodb.net. IN SRV", ConfigError),
        ("The resolution lifetime expired after 21.0 seconds: Server 127.0.0.53 UDP port 53 timed out", TransientError),
        ("All nameservers failed to answer the query _mongodb._tcp.cluster0.mongodb.net. IN SRV", TransientError),
        ("The DNS operation timed out.", TransientError),
        ("A DNS label is empty.", ConfigError),
        ("Invalid value for writeconcern", ConfigError),
    ],
)
def test_a_configuration_error_is_transient_only_if_dns_does_not_answer(text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=URI_KEY) as caught, mongo_errors():
        raise ConfigurationError(text)

    assert "mongodb.net" not in str(caught.value)


@pytest.mark.parametrize(("minutes", "differs"), [(-4, False), (4, False), (6, True), (-20 * 24 * 60, True)])
def test_a_clock_that_is_wrong_stops_the_run(minutes: int, *, differs: bool) -> None:
    now = datetime(2026, 11, 28, tzinfo=UTC)
    if not differs:
        check_clock(now + timedelta(minutes=minutes), now)
        return
    with pytest.raises(TransientError, match="the clocks differ by more than 5 minutes"):
        check_clock(now + timedelta(minutes=minutes), now)
