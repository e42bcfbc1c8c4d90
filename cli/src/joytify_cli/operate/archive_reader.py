"""Gateway: lists and reads the archived documents (S3)."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import IO, TYPE_CHECKING, cast

from bson import CodecOptions, DatetimeConversion, decode_file_iter
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument

from joytify_cleanup.archive import PREFIX, s3_errors
from joytify_cleanup.retention import POLICIES
from joytify_common.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The collections that cleanup archives; test mode's names have a prefix.
COLLECTIONS = (*POLICIES, *(f"test-{name}" for name in POLICIES))
# The S3 keys under which cleanup archives documents.
KEY = re.compile(rf"{PREFIX}/(?P<collection>{'|'.join(COLLECTIONS)})/(?P<day>\d{{4}}/\d\d/\d\d)/.+\.bson\.gz")
# A document is restored as the bytes that were archived; only its `_id` is read.
RAW: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument,
    tz_aware=True,
    unicode_decode_error_handler="replace",
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


@dataclass(frozen=True)
class ArchiveObject:
    """An object in the bucket; its key says the collection and the day."""

    key: str
    collection: str
    day: date
    bytes: int


def list_archive(client: S3Client, bucket: str, start: date, end: date) -> Iterator[ArchiveObject]:
    """Yield the objects archived between two days, both included, in order of their keys."""
    with s3_errors(bucket):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX + "/"):
            for entry in page.get("Contents", []):
                # Ignore objects that cleanup did not write.
                if (found := _parsed(entry["Key"], entry["Size"])) is not None and start <= found.day <= end:
                    yield found


def documents_in(client: S3Client, bucket: str, key: str) -> int:
    """Return the number of documents in an object, from its metadata; 0 if the metadata does not contain it."""
    with s3_errors(bucket):
        noted = client.head_object(Bucket=bucket, Key=key)["Metadata"].get("documents", "0")
    return int(noted) if noted.isdigit() else 0


def _parsed(key: str, size: int) -> ArchiveObject | None:
    """Return the archive object with this key; None if cleanup does not write such keys."""
    if (match := KEY.fullmatch(key)) is None:
        return None
    try:
        day = date.fromisoformat(match["day"].replace("/", "-"))
    except ValueError:
        return None
    return ArchiveObject(key, match["collection"], day, size)


def read_archive(client: S3Client, bucket: str, key: str) -> Iterator[RawBSONDocument]:
    """Yield each document of an object as the server stored it; only one is in memory at a time.

    Raises:
        PermanentError: the object is damaged or does not hold BSON; the documents yielded so far are complete.
    """
    with s3_errors(bucket):
        found = client.get_object(Bucket=bucket, Key=key)
        # An empty file would pass for gzip without documents.
        if found["ContentLength"] == 0:
            raise PermanentError(f"archive object {key} is damaged (it is empty)")
        try:
            yield from decode_file_iter(cast("IO[bytes]", gzip.GzipFile(fileobj=found["Body"])), RAW)
        except (EOFError, gzip.BadGzipFile, zlib.error, InvalidBSON) as exc:
            raise PermanentError(f"archive object {key} is damaged ({exc})") from None
