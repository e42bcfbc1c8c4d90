"""Gateway: copy documents to S3 before they are deleted, verified; list and read them again (S3).

An object holds one batch as gzipped newline-delimited canonical Extended JSON. Its key names collection, day and run;
no two runs share one, not even two attempts of the same event, so that nothing archived is ever overwritten.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bson import json_util

from joytify_common.aws import aws_errors
from joytify_common.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from mypy_boto3_s3 import S3Client

    from joytify_common.mongo import Document

PREFIX = "archive"
KEY = re.compile(PREFIX + r"/(?P<collection>[^/]+)/(?P<day>\d{4}/\d\d/\d\d)/.+")
# Speed counts more than size here: level 6 took three times as long for 15 % less.
COMPRESSION = 1
NOT_FOUND = {"404", "NoSuchBucket"}


@dataclass(frozen=True)
class Archived:
    """One object of the archive.

    Attributes:
        ids: `_id` of each document in it.
        bytes: size of the object.
    """

    ids: list[Any]
    bytes: int


class Archive:
    """The archive bucket, for one run."""

    def __init__(self, client: S3Client, bucket: str, now: datetime) -> None:
        self._client = client
        self._bucket = bucket
        self._run = f"{now:%Y%m%dT%H%M%S}Z-{uuid4().hex[:12]}"
        self._day = f"{now:%Y/%m/%d}"
        self._written = 0

    def check(self) -> None:
        """Make sure that the bucket is there.

        Raises:
            ConfigError: it does not exist or may not be used.
            TransientError: S3 could not be reached.
        """
        with _s3_errors(self._bucket):
            self._client.head_bucket(Bucket=self._bucket)

    def write(self, collection: str, documents: Iterable[Document]) -> Archived | None:
        """Archive the documents and return what S3 has confirmed, or None if there are none.

        Raises:
            TransientError: S3 failed, or what it holds is not what was sent.
        """
        ids, body = _pack(documents)
        if not ids:
            return None
        self._written += 1
        key = f"{PREFIX}/{collection}/{self._day}/{self._run}/{self._written:06}.ndjson.gz"
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        with _s3_errors(self._bucket):
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ChecksumSHA256=checksum,
                ContentType="application/x-ndjson",
                Metadata={"documents": str(len(ids))},
            )
            held = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        found = (held["ContentLength"], held.get("ChecksumSHA256"), held["Metadata"].get("documents"))
        if found != (len(body), checksum, str(len(ids))):
            raise TransientError(f"archive object {key}: S3 does not hold what was sent")
        return Archived(ids=ids, bytes=len(body))


@dataclass(frozen=True)
class ArchiveObject:
    """An object in the bucket, by its key."""

    key: str
    collection: str
    day: date
    bytes: int


def list_archive(client: S3Client, bucket: str, start: date, end: date) -> Iterator[ArchiveObject]:
    """Yield the objects that were archived from one day to another, both included, in order of their keys."""
    with _s3_errors(bucket):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX + "/"):
            for entry in page.get("Contents", []):
                # What somebody else has put there is none of ours.
                if (found := _parsed(entry["Key"], entry["Size"])) is not None and start <= found.day <= end:
                    yield found


def _parsed(key: str, size: int) -> ArchiveObject | None:
    """Return what a key says; None if cleanup has not made it."""
    if (match := KEY.fullmatch(key)) is None:
        return None
    try:
        day = date.fromisoformat(match["day"].replace("/", "-"))
    except ValueError:
        return None
    return ArchiveObject(key, match["collection"], day, size)


def read_archive(client: S3Client, bucket: str, key: str) -> Iterator[Document]:
    """Yield the documents of one object.

    Raises:
        PermanentError: the object is damaged.
    """
    with _s3_errors(bucket):
        held = client.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        body = held["Body"].read()
    if held.get("ChecksumSHA256") != base64.b64encode(hashlib.sha256(body).digest()).decode():
        raise PermanentError(f"archive object {key}: its checksum does not fit")
    options = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True, tzinfo=UTC)
    for line in gzip.decompress(body).splitlines():
        yield json_util.loads(line, json_options=options)


def _pack(documents: Iterable[Document]) -> tuple[list[Any], bytes]:
    ids: list[Any] = []
    lines: list[str] = []
    for document in documents:
        ids.append(document["_id"])
        lines.append(json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS))
    # No time of day in the header: the same documents give the same bytes.
    return ids, gzip.compress("\n".join(lines).encode(), compresslevel=COMPRESSION, mtime=0)


def _s3_errors(bucket: str) -> AbstractContextManager[None]:
    return aws_errors(f"CLEANUP_ARCHIVE_BUCKET: {bucket}", "S3", not_found=NOT_FOUND)
