"""The archive on a real MongoDB and an S3 emulator that verifies checksums.

No document is deleted before it is archived.
"""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import stamina
from botocore.exceptions import ClientError, EndpointConnectionError
from bson import CodecOptions, Decimal128, Int64, ObjectId, decode, encode
from cleanup_run import CUTOFF, NOW, clean_up
from forks import forks
from pymongo.database import Database
from typer.testing import CliRunner

from joytify_cleanup.archive import Archive
from joytify_cleanup.report import CleanupReport
from joytify_cli.main import app
from joytify_cli.operate.archive_reader import list_archive, read_archive
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_local.aws import aws_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OLD, NEW = CUTOFF - timedelta(days=1), CUTOFF + timedelta(days=1)

Document = dict[str, Any]
CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass
class Faulty:
    """S3 with one call that goes wrong."""

    client: Any
    call: str
    error: Exception | None = None
    change: Document | None = None

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.client, name)
        if name != self.call:
            return real

        def answer(**request: Any) -> Any:
            if self.error is not None:
                raise self.error
            return {**real(**request), **(self.change or {})}

        return answer


def clean(database: Database[Document], archive: Archive, *, size: int = 10) -> CleanupReport:
    return clean_up(database, batch_size=size, max_continuations=0, archive=archive)


def archived(endpoint: str, bucket: str) -> list[Document]:
    client = aws_client("s3", endpoint)
    objects = list_archive(client, bucket, date.min, date.max)
    return [
        decode(found_document.raw, CODEC)
        for found in objects
        for found_document in read_archive(client, bucket, found.key)
    ]


def playback(moment: object, **more: Any) -> Document:
    return {"_id": ObjectId(), "user": ObjectId(), "duration": 200, "createdAt": moment, **more}


def test_documents_with_every_bson_type_are_archived_before_they_are_deleted(
    database: Database[Document], endpoint: str, bucket: str
) -> None:
    types = {"count": Int64(5), "price": Decimal128("1.10"), "raw": b"\x00\xff", "list": [1, 2.5, None, "鼓"]}
    expired = [playback(OLD + timedelta(milliseconds=n), **types) for n in range(35)]
    retained = [playback(NEW), playback("2020-01-01")]
    database.playbacks.insert_many(expired + retained)

    report = clean(database, Archive(aws_client("s3", endpoint), bucket, NOW))

    def by_id(documents: list[Document]) -> list[Document]:
        return sorted(documents, key=lambda document: str(document["_id"]))

    assert by_id(archived(endpoint, bucket)) == by_id(expired)
    assert by_id(list(database.playbacks.find())) == by_id(retained)
    figures = report.own.archive if report.own else None
    assert figures is not None
    # Four threads delete at the same time, each at most three documents per batch.
    assert (figures.objects, figures.documents) == (12, 35)
    assert figures.bytes > 0


@pytest.mark.parametrize(
    "fault",
    [
        ("put_object", EndpointConnectionError(endpoint_url="http://s3"), None),
        ("put_object", ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"), None),
        ("head_object", ClientError({"Error": {"Code": "InternalError"}}, "HeadObject"), None),
        ("head_object", None, {"ContentLength": 1}),
        ("head_object", None, {"ChecksumSHA256": "AAAA"}),
        ("head_object", None, {"Metadata": {"documents": "9"}}),
    ],
    ids=["unreachable", "slow down", "not confirmed", "shorter", "other checksum", "other count"],
)
def test_nothing_is_deleted_that_s3_has_not_confirmed(
    database: Database[Document], endpoint: str, bucket: str, fault: tuple[str, Exception | None, Document | None]
) -> None:
    database.playbacks.insert_many([playback(OLD) for _ in range(15)] + [playback(NEW)])

    with pytest.raises(TransientError):
        clean(database, Archive(cast("S3Client", Faulty(aws_client("s3", endpoint), *fault)), bucket, NOW))

    assert database.playbacks.count_documents({}) == 16


def test_a_bucket_that_does_not_exist_stops_the_run_before_data_is_touched(
    database: Database[Document], endpoint: str
) -> None:
    database.playbacks.insert_one(playback(OLD))

    with pytest.raises(ConfigError, match="CLEANUP_ARCHIVE_BUCKET: no-such-bucket: S3 answered 404"):
        clean(database, Archive(aws_client("s3", endpoint), "no-such-bucket", NOW))

    assert database.playbacks.count_documents({}) == 1


def test_two_attempts_of_one_event_never_share_a_key(database: Database[Document], endpoint: str, bucket: str) -> None:
    first = [playback(OLD) for _ in range(3)]
    second = [playback(OLD) for _ in range(2)]
    for documents in (first, second):
        database.playbacks.insert_many(documents)
        clean(database, Archive(aws_client("s3", endpoint), bucket, NOW))

    assert {d["_id"] for d in archived(endpoint, bucket)} == {d["_id"] for d in first + second}


def test_a_damaged_object_is_refused(endpoint: str, bucket: str) -> None:
    client = aws_client("s3", endpoint)
    client.put_object(Bucket=bucket, Key="archive/playbacks/2026/11/01/run/000001.bson.gz", Body=b"damaged")

    with pytest.raises(PermanentError, match="is damaged"):
        archived(endpoint, bucket)


def test_restore_inserts_missing_documents_and_can_be_repeated(
    database: Database[Document], mongodb_uri: str, endpoint: str, bucket: str, tmp_path: Path
) -> None:
    expired = [playback(OLD) for _ in range(25)]
    database.playbacks.insert_many([*expired, playback(NEW), playback(NEW)])
    clean(database, Archive(aws_client("s3", endpoint), bucket, NOW))
    # Two documents exist again: one as it was archived, one with other content.
    database.playbacks.insert_many([expired[0], {**expired[1], "duration": 1}])

    def joytify(*words: str) -> str:
        command = [str(Path(sys.executable).with_name("joytify")), "archive", *words, "--bucket", bucket, "--aws"]
        environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "COLUMNS": "120"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout

    restore = (
        "restore",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-01",
        "--uri",
        mongodb_uri,
        "--database",
        database.name,
    )
    for key in ("archive/readme", "archive/playbacks/2026/13/45/x", "archive//2026/11/01/x"):
        aws_client("s3", endpoint).put_object(Bucket=bucket, Key=key, Body=b"somebody else's")
    (row,) = [line for line in joytify("list").splitlines() if "playbacks" in line]
    assert [cell.strip() for cell in row.split("│")][1:4] == ["playbacks", "2026-11-01", "25"]
    assert "no archived sessions for the selected days" in joytify("list", "--collection", "sessions")
    assert "up to 23 would be inserted, 1 already present, 1 differing, 0 refused" in joytify(*restore, "--dry-run")
    assert database.playbacks.count_documents({}) == 4
    asked = CliRunner().invoke(
        app, ["archive", *restore, "--bucket", bucket, "--aws"], env={"AWS_ENDPOINT_URL": endpoint}
    )
    assert f"objects into playbacks of database {database.name}: use --yes" in asked.output
    assert "23 inserted, 1 already present, 1 differing, 0 refused" in joytify(*restore, "--yes")
    assert "0 inserted, 24 already present, 1 differing, 0 refused" in joytify(*restore, "--yes")
    assert "no archived documents for the selected days" in joytify(
        "restore", "--from", "2020-01-01", "--to", "2020-01-02", *restore[5:]
    )
    assert "25 inserted" in joytify(*restore, "--yes", "--into", "restored")
    assert {d["_id"] for d in database.restored.find()} == {d["_id"] for d in expired}


def test_an_unknown_collection_is_refused_before_anything_is_called() -> None:
    done = CliRunner().invoke(app, ["archive", "list", "--collection", "playback"])

    assert done.exit_code == 2
    assert "playback is not one of playbacks, sessions, test-playbacks, test-sessions" in " ".join(
        done.output.replace("│", " ").split()
    )


@pytest.mark.parametrize("command", ["list", "restore"])
def test_days_in_the_wrong_order_are_refused_before_anything_is_called(command: str) -> None:
    days = ("--from", "2026-11-02", "--to", "2026-11-01", "--aws", "--bucket", "none")

    done = CliRunner().invoke(app, ["archive", command, *days])

    assert done.exit_code == 2
    assert "--from: it must not be after --to" in " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("archived", "into", "says"),
    [
        (("playbacks", "sessions"), "restored", "use --collection playbacks or sessions"),
        (("playbacks",), "", "it must name a collection"),
        (("playbacks",), "users", "users is not for documents of playbacks"),
        (("test-sessions",), "playbacks", "playbacks is not for documents of test-sessions"),
    ],
)
def test_restore_refuses_an_unsuitable_target_collection(
    bucket: str, monkeypatch: pytest.MonkeyPatch, *, archived: tuple[str, ...], into: str, says: str, endpoint: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for name in archived:
        key = f"archive/{name}/2026/11/01/x.bson.gz"
        aws_client("s3", endpoint).put_object(Bucket=bucket, Key=key, Body=gzip.compress(encode({"_id": 1})))
    days = ("--from", "2026-11-01", "--to", "2026-11-01", "--aws", "--bucket", bucket)

    done = CliRunner().invoke(app, ["archive", "restore", *days, "--into", into, "--yes", "--uri", "mongodb://x"])

    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


RUN = """
from pymongo import MongoClient
from test_archive import Archive, aws_client, clean, NOW

def run(uri, database, endpoint, bucket):
    with MongoClient(uri, tz_aware=True) as client:
        clean(client[database], Archive(aws_client("s3", endpoint), bucket, NOW), size=50)
"""
KILLS = 8


def test_killed_at_any_moment_no_record_is_lost(
    database: Database[Document], mongodb_uri: str, endpoint: str, bucket: str
) -> None:
    """Runs are ended by SIGKILL at random moments; then one completes."""
    expired = [playback(OLD) for _ in range(15_000)]
    retained = [playback(NEW) for _ in range(2_000)]
    database.playbacks.insert_many(expired + retained)
    chance = random.Random(20261101)  # noqa: S311 - moments, not secrets
    arguments = (mongodb_uri, database.name, endpoint, bucket)
    with forks(RUN) as runs:
        killed_at_work = sum(runs.kill(chance.uniform(0, 0.6), *arguments) for _ in range(KILLS))

    left = {d["_id"] for d in database.playbacks.find({}, {"_id": 1})}
    archived_ids = {d["_id"] for d in archived(endpoint, bucket)}
    assert killed_at_work > KILLS // 4
    assert {d["_id"] for d in retained} <= left
    assert {d["_id"] for d in expired} <= left | archived_ids
    # A killed run leaves its transaction open for a while; this run waits for the documents locked by it.
    with stamina.set_testing(False):
        clean(database, Archive(aws_client("s3", endpoint), bucket, NOW), size=1000)
    assert {d["_id"] for d in database.playbacks.find()} == {d["_id"] for d in retained}
    assert {d["_id"] for d in archived(endpoint, bucket)} == {d["_id"] for d in expired}
