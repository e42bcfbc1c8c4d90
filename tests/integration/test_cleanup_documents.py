"""Unusual documents, collections and server behaviour known from public reports.

Cleanup deletes nothing wrongly, and its report is right.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from bson import ObjectId, encode
from bson.raw_bson import RawBSONDocument
from cleanup_run import CUTOFF, NOW, clean_up, figures, id_created_at
from fail_points import failing
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.monitoring import CommandListener, CommandStartedEvent

from joytify_cleanup.archive import Archive
from joytify_cli.operate.archive_reader import list_archive, read_archive
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_common.mongo import connect, mongo_errors
from joytify_local.aws import aws_client
from joytify_local.mongodb import initiate, mongod_path, start_mongod
from joytify_local.processes import free_port, start, stop

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OLD, NEW = CUTOFF - timedelta(days=1), CUTOFF + timedelta(days=1)

Document = dict[str, Any]


def playback(moment: Any, **more: Any) -> Document:
    return {"_id": id_created_at(OLD), "user": ObjectId(), "createdAt": moment, **more}


def session(moment: Any, **more: Any) -> Document:
    return {"_id": id_created_at(OLD), "user": ObjectId(), "status": {"online": False, "lastActive": moment}, **more}


def raw(*fields: tuple[str, Any]) -> RawBSONDocument:
    """Return a document with these fields; the same name may occur twice."""
    body = b"".join(value if isinstance(value, bytes) else encode({name: value})[4:-1] for name, value in fields)
    return RawBSONDocument(struct.pack("<i", len(body) + 5) + body + b"\0")


def named(name: str, kind: int, value: bytes) -> tuple[str, bytes]:
    """Return a field as raw BSON, for a value that has no Python equivalent."""
    return name, bytes([kind]) + name.encode() + b"\0" + value


def ids(collection: Any) -> set[Any]:
    return {document["_id"] for document in collection.find({}, {"_id": 1})}


LEFT_ALONE: dict[str, list[Any]] = {
    "the app's older shape": [playback(OLD, songs=[{"song": ObjectId(), "createdAt": NOW}])],
    "the older shape without plays": [playback(OLD, songs=[])],
    "before the app existed": [playback(datetime(year, 12, 31, tzinfo=UTC)) for year in (1969, 1970, 1999)],
    "two dates, the first expired": [
        raw(("_id", id_created_at(OLD)), ("createdAt", OLD), ("x", 1), ("createdAt", NEW))
    ],
    "two dates, the second expired": [raw(("_id", id_created_at(OLD)), ("createdAt", NEW), ("createdAt", OLD))],
    "two dates, both expired": [raw(("_id", id_created_at(OLD)), ("createdAt", OLD), ("createdAt", OLD))],
}


@pytest.mark.parametrize("documents", LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
@pytest.mark.parametrize("index", [False, True], ids=["no index", "index on the date"])
def test_a_playback_in_another_shape_is_left_alone_and_counted(
    database: Database[Document], documents: list[Any], *, index: bool
) -> None:
    database.playbacks.insert_many([*documents, playback(OLD), playback(NEW), playback("2020-01-01")])
    if index:
        database.playbacks.create_index("createdAt")

    (told,) = figures(clean_up(database))["collections"]

    assert ids(database.playbacks) >= {document["_id"] for document in documents}
    assert (told.deleted, told.remaining, told.undated, told.unrecognized) == (1, 0, 1, len(documents))


SESSIONS: dict[str, tuple[Any, bool]] = {
    "in use": (session(OLD, expiresAt=NOW + timedelta(days=9)), False),
    "a moment longer": (session(OLD, expiresAt=NOW + timedelta(milliseconds=1)), False),
    "ended": (session(OLD, expiresAt=NOW - timedelta(days=1)), True),
    "no end": (session(OLD), True),
    "null": (session(OLD, expiresAt=None), True),
    "text": (session(OLD, expiresAt="2020-01-01"), False),
    "a list": (session(OLD, expiresAt=[NOW - timedelta(days=1)]), False),
    "last active twice": (
        raw(("_id", id_created_at(OLD)), ("status", raw(("lastActive", OLD), ("lastActive", NEW))), ("user", 1)),
        False,
    ),
    "two status fields": (
        raw(("_id", id_created_at(OLD)), ("status", {"lastActive": OLD}), ("status", {"lastActive": NEW})),
        False,
    ),
    "ends twice": (
        raw(
            ("_id", id_created_at(OLD)),
            ("status", {"lastActive": OLD}),
            ("expiresAt", OLD),
            ("expiresAt", NOW + timedelta(days=9)),
        ),
        False,
    ),
}


@pytest.mark.parametrize(("document", "goes"), SESSIONS.values(), ids=SESSIONS.keys())
def test_a_session_in_use_is_not_deleted(database: Database[Document], document: Any, *, goes: bool) -> None:
    database.sessions.insert_one(document)

    report = clean_up(database, kinds=("sessions",))

    assert (report.deleted, database.sessions.count_documents({})) == ((1, 0) if goes else (0, 1))


def test_documents_whose_ids_do_not_fit_into_one_command_are_deleted_and_counted(database: Database[Document]) -> None:
    """100,000 ids of 200 bytes are more than one command may hold."""
    database.playbacks.insert_many({"_id": f"{number:06}" + "x" * 194, "createdAt": OLD} for number in range(100_000))
    database.playbacks.insert_many([playback(NEW) for _ in range(6000)])

    stopped = figures(clean_up(database, checks=14, batch_size=30_000, pause=0.001))
    report = clean_up(database, batch_size=100_000)

    assert 0 < stopped["records_deleted"] < 100_000
    assert stopped["remaining_records"] == 100_000 - stopped["records_deleted"] == report.deleted
    assert database.playbacks.count_documents({}) == 6000


@pytest.mark.parametrize("code", [64, 290, 11601, 365, 112, 6, 89, 262], ids=str)
@pytest.mark.parametrize("is_applied", [True, False], ids=["applied", "not applied"])
def test_after_an_unconfirmed_commit_the_deletions_are_counted_in_the_database(
    mongodb: MongoClient[Document], database: Database[Document], code: int, *, is_applied: bool
) -> None:
    database.playbacks.insert_many([playback(OLD) for _ in range(200)] + [playback(NEW) for _ in range(20)])
    error = {"code": code, "codeName": "E", "errmsg": "a test"}
    # With `writeConcernError`, the fail point lets MongoDB commit; with `errorCode`, it prevents the commit.
    answer: Document = {"writeConcernError": error} if is_applied else {"errorCode": code}

    with failing(mongodb, {"times": 2}, {"failCommands": ["commitTransaction"], **answer}):
        report = clean_up(database, batch_size=50, pause=0.001)

    assert (report.deleted, report.remaining) == (200, 0)
    assert database.playbacks.count_documents({}) == 20


class Longest(CommandListener):
    """Records the largest maxTimeMS of any command."""

    def __init__(self) -> None:
        self.milliseconds = 0

    def started(self, event: CommandStartedEvent) -> None:
        self.milliseconds = max(self.milliseconds, event.command.get("maxTimeMS", 0))

    def succeeded(self, event: Any) -> None:
        del event

    def failed(self, event: Any) -> None:
        del event


@pytest.mark.parametrize("event", [{}, {"sweep": True}, {"dryRun": True}], ids=["ordinary", "sweep", "dry run"])
def test_no_command_exceeds_the_maxtimems_of_atlas_free_clusters(
    mongodb_uri: str, database: Database[Document], event: Document
) -> None:
    database.playbacks.insert_many([playback(OLD) for _ in range(20)] + [playback(NEW)])
    longest = Longest()

    with MongoClient[Document](mongodb_uri, tz_aware=True, event_listeners=[longest]) as client:
        clean_up(client[database.name], event, seconds=850)

    assert 0 < longest.milliseconds <= 290_000


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"viewOn": "elsewhere", "pipeline": []}, "view"),
        ({"timeseries": {"timeField": "createdAt"}}, "timeseries"),
        ({"clusteredIndex": {"key": {"_id": 1}, "unique": True, "name": "by id"}}, "clustered collection"),
    ],
    ids=["view", "time series", "clustered"],
)
def test_a_collection_that_cannot_be_cleaned_is_named_before_anything_is_read(
    database: Database[Document], options: Document, what: str
) -> None:
    database.create_collection("playbacks", **options)

    with pytest.raises(ConfigError, match=f"playbacks is a {what}; cleanup needs an ordinary collection"):
        clean_up(database)


def test_unacknowledged_writes_are_refused(mongodb_uri: str) -> None:
    with pytest.raises(ConfigError, match="MONGODB_CONNECTION_STRING: w=0 "):
        connect(SecretStr(mongodb_uri + "&w=0"), "any")


@pytest.mark.parametrize("code", [24, 112, 134, 365, 462, 11601, 6, 89, 262], ids=str)
@pytest.mark.parametrize("command", ["find", "aggregate", "delete"])
def test_transient_server_errors_are_not_reported_as_permanent(
    mongodb: MongoClient[Document], database: Database[Document], command: str, code: int
) -> None:
    calls: dict[str, Any] = {
        "find": database.playbacks.find_one,
        "aggregate": lambda: database.playbacks.count_documents({}),
        "delete": lambda: database.playbacks.delete_many({}),
    }
    with (
        failing(mongodb, {"times": 3}, {"failCommands": [command], "errorCode": code}),
        pytest.raises(TransientError) as raised,
        mongo_errors(),
    ):
        calls[command]()

    assert isinstance(raised.value.__cause__, OperationFailure)


def test_the_deletion_limit_does_not_trust_the_servers_estimate(tmp_path: Path) -> None:
    """After an unclean shutdown, the server's count of documents is outdated: it is that of the last checkpoint."""
    port = free_port("127.0.0.1")
    pid, uri = start_mongod(tmp_path, "127.0.0.1", port, ("--syncdelay", "0"))
    try:
        with MongoClient[Document](uri, tz_aware=True) as client:
            client.test.playbacks.insert_many([playback(NEW) for _ in range(10)])
            client.admin.command("fsync")
            client.test.playbacks.insert_many([playback(OLD) for _ in range(3000)])
            client.admin.command("appendOplogNote", 1, data={}, writeConcern={"w": 1, "j": True})
        os.kill(pid, signal.SIGKILL)
        stop([pid])
        command = [str(mongod_path()), "--dbpath", str(tmp_path / "mongodb"), "--replSet", "rs0", "--nounixsocket"]
        command += ["--bind_ip", "127.0.0.1", "--port", str(port)]
        pid = start(command, tmp_path / "again.log", partial(initiate, uri, f"127.0.0.1:{port}"))
        with MongoClient[Document](uri, tz_aware=True) as client:
            playbacks = client.test.playbacks
            estimated, real = playbacks.estimated_document_count(), playbacks.count_documents({})
            with pytest.raises(PermanentError, match="ignoreDeletionLimit"):
                clean_up(client.test)
            left = playbacks.count_documents({})
    finally:
        stop([pid])

    assert (estimated, real, left) == (10, 3010, 3010)


def archived(endpoint: str, bucket: str) -> Iterator[bytes]:
    client = aws_client("s3", endpoint)
    for found in list_archive(client, bucket, NOW.date(), NOW.date()):
        yield from (bytes(document.raw) for document in read_archive(client, bucket, found.key))


ODD: dict[str, list[tuple[str, Any]]] = {
    "a look-alike of an id": [("ref", {"$oid": "abc"})],
    "look-alikes": [("a", {"$date": "x"}), ("b", {"$numberLong": "5"}), ("c", {"$uuid": "no"})],
    "a date beyond the year 9999": [named("seen", 9, struct.pack("<q", 400_000_000_000_000))],
    "text that is not UTF-8": [named("title", 2, struct.pack("<i", 4) + b"\xff\xfe\xfd\0")],
    "two fields of one name inside": [("inner", raw(("x", 1), ("x", 2)))],
    "code and pattern": [named("code", 13, struct.pack("<i", 4) + b"a()\0"), named("like", 11, b"^a\0i\0")],
    "an empty name and a dot": [("", 1), ("a.b", 2), ("$c", 3)],
}


def restore(uri: str, database: str, endpoint: str, bucket: str) -> subprocess.CompletedProcess[str]:
    """Restore everything, as an operator would."""
    command = ["archive", "restore", "--from", "2026-11-01", "--to", "2026-11-01", "--bucket", bucket, "--aws"]
    return subprocess.run(
        [str(Path(sys.executable).with_name("joytify")), *command, "--uri", uri, "--database", database, "--yes"],
        env={**os.environ, "AWS_ENDPOINT_URL": endpoint},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_document_is_archived_and_restored_byte_for_byte(
    database: Database[Document], mongodb_uri: str, endpoint: str, bucket: str
) -> None:
    documents = [raw(("_id", id_created_at(OLD)), ("createdAt", OLD), *fields) for fields in ODD.values()]
    database.playbacks.insert_many([*documents, playback(NEW)])

    report = clean_up(database, archive=Archive(aws_client("s3", endpoint), bucket, NOW))
    restored = restore(mongodb_uri, database.name, endpoint, bucket)

    assert report.deleted == len(documents)
    assert sorted(archived(endpoint, bucket)) == sorted(bytes(document.raw) for document in documents)
    assert f"{len(documents)} inserted, 0 already present, 0 differing, 0 refused" in restored.stdout
    there = b"".join(cast("Any", database.playbacks.find_raw_batches({"createdAt": OLD})))
    assert all(document.raw in there for document in documents)


def test_a_restore_continues_after_refused_documents_and_lists_them(
    database: Database[Document], mongodb_uri: str, endpoint: str, bucket: str
) -> None:
    documents = [playback(OLD, song=number) for number in range(5)]
    database.playbacks.insert_many(documents)
    clean_up(database, archive=Archive(aws_client("s3", endpoint), bucket, NOW))
    database.playbacks.create_index("song", unique=True)
    database.playbacks.insert_one(playback(NEW, song=1))
    database.command("collMod", "playbacks", validator={"song": {"$ne": 3}})

    done = restore(mongodb_uri, database.name, endpoint, bucket)

    assert done.returncode == 1
    assert "3 inserted, 0 already present, 0 differing, 2 refused" in done.stdout
    assert str(documents[1]["_id"]) in done.stdout
    assert str(documents[3]["_id"]) in done.stdout
    assert "Traceback" not in done.stderr
    assert database.playbacks.count_documents({}) == 4


class Meanwhile:
    """An S3 client that changes the database just before it uploads an object, as another program might."""

    def __init__(self, client: Any, write: Any) -> None:
        self._client, self._write = client, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, **request: Any) -> Any:
        if self._write is not None:
            write, self._write = self._write, None
            write()
        return self._client.put_object(**request)


@pytest.mark.parametrize(
    ("change", "stays"),
    [({"$set": {"note": "changed"}}, False), ({"$set": {"createdAt": NEW}}, True)],
    ids=["still expired", "no longer expired"],
)
def test_a_change_between_the_copy_and_the_deletion_is_not_lost(
    database: Database[Document], mongodb_uri: str, endpoint: str, bucket: str, change: Document, *, stays: bool
) -> None:
    documents = [playback(OLD) for _ in range(30)]
    database.playbacks.insert_many(documents)
    changed = {"_id": documents[7]["_id"]}
    # The change does not set `updatedAt`: cleanup detects it by the transaction, not by that field.
    s3 = Meanwhile(aws_client("s3", endpoint), lambda: database.playbacks.update_one(changed, change))

    report = clean_up(database, batch_size=30, pause=0.001, archive=Archive(cast("S3Client", s3), bucket, NOW))

    copies = list(archived(endpoint, bucket))
    assert report.deleted == 30 - stays
    assert ids(database.playbacks) == ({changed["_id"]} if stays else set())
    if not stays:
        restore(mongodb_uri, database.name, endpoint, bucket)
        assert database.playbacks.count_documents({**changed, "note": "changed"}) == 1
    assert {RawBSONDocument(copy)["_id"] for copy in copies} == {document["_id"] for document in documents}


def test_the_bytes_archived_per_transaction_are_limited(
    database: Database[Document], endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_cleanup.batches.ARCHIVE_BYTES", 100_000)
    monkeypatch.setattr("joytify_cleanup.batches.PORTION_DOCUMENTS", 2)
    documents = [playback(OLD, text=os.urandom(40_000)) for _ in range(30)] + [playback(NEW)]
    database.playbacks.insert_many(documents)

    report = clean_up(database, batch_size=1000, pause=0.001, archive=Archive(aws_client("s3", endpoint), bucket, NOW))

    sizes = [found.bytes for found in list_archive(aws_client("s3", endpoint), bucket, NOW.date(), NOW.date())]
    assert (report.deleted, len(list(archived(endpoint, bucket)))) == (30, 30)
    assert len(sizes) >= 7
    assert max(sizes) < 200_000


def test_an_archive_needs_transactions(
    mongodb: MongoClient[Document], database: Database[Document], endpoint: str, bucket: str
) -> None:
    database.playbacks.insert_many([playback(OLD) for _ in range(5)])
    # The error with which a standalone server rejects a transaction.
    with (
        failing(mongodb, {"times": 1}, {"failCommands": ["delete"], "errorCode": 20}),
        pytest.raises(PermanentError, match="archiving needs transactions"),
    ):
        clean_up(database, pause=0.001, archive=Archive(aws_client("s3", endpoint), bucket, NOW))

    assert database.playbacks.count_documents({}) == 5
