"""Gateway: lists and reads the archived documents (S3)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from joytify_cleanup.archive import GZIP, LENGTH_BYTES, PREFIX, s3_errors
from joytify_cleanup.retention import POLICIES
from joytify_common.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The collections that cleanup archives; test mode's names have a prefix.
COLLECTIONS = (*POLICIES, *(f"test-{name}" for name in POLICIES))
# The S3 keys under which cleanup archives documents.
KEY = re.compile(rf"{PREFIX}/(?P<collection>{'|'.join(COLLECTIONS)})/(?P<day>\d{{4}}/\d\d/\d\d)/.+\.bson\.gz")
READ_BYTES = 1024 * 1024
MAX_DOCUMENT = 17 * 1024 * 1024


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
    """Return the number of documents in an object, from its metadata; 0 if it is not there."""
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


def read_archive(client: S3Client, bucket: str, key: str) -> Iterator[bytes]:
    """Yield each document of an object as the BSON bytes that the server stored.

    Only a few documents are in memory at a time.

    Raises:
        PermanentError: the object is damaged or does not hold BSON; earlier documents are complete.
    """
    with s3_errors(bucket):
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        rest = b""
        try:
            for part in _unzipped(body.iter_chunks(READ_BYTES)):
                documents, rest = _split(rest + part)
                yield from documents
        except (zlib.error, ValueError) as exc:
            raise PermanentError(f"archive object {key} is damaged ({exc})") from None
    if rest:
        raise PermanentError(f"archive object {key} is damaged (its last document is cut off)")


def _unzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the decompressed data, in pieces of at most READ_BYTES.

    Raises:
        ValueError: the compressed data is truncated.
    """
    expander = zlib.decompressobj(GZIP)
    for part in parts:
        waiting = part
        while waiting and not expander.eof:
            yield expander.decompress(waiting, READ_BYTES)
            waiting = expander.unconsumed_tail
    if not expander.eof:
        raise ValueError("its end is missing")


def _split(held: bytes) -> tuple[list[bytes], bytes]:
    """Return the complete documents at the beginning, and the bytes after them.

    Raises:
        ValueError: a length is impossible for a BSON document.
    """
    documents, start = [], 0
    while len(held) - start >= LENGTH_BYTES:
        length = int.from_bytes(held[start : start + LENGTH_BYTES], "little")
        if not LENGTH_BYTES < length <= MAX_DOCUMENT:
            raise ValueError("it does not hold BSON")
        if len(held) - start < length:
            break
        documents.append(held[start : start + length])
        start += length
    return documents, held[start:]
