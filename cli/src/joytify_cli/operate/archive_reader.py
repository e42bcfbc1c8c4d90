"""Gateway: list and read what cleanup archived (S3)."""

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

# Of the collections that cleanup deletes from, and of test runs.
KEY = re.compile(
    rf"{PREFIX}/(?P<collection>(?:test-)?(?:{'|'.join(POLICIES)}))/(?P<day>\d{{4}}/\d\d/\d\d)/.+\.bson\.gz"
)
READ_BYTES = 1024 * 1024
LARGEST_DOCUMENT = 17 * 1024 * 1024


@dataclass(frozen=True)
class ArchiveObject:
    """An object in the bucket, by its key."""

    key: str
    collection: str
    day: date
    bytes: int


def list_archive(client: S3Client, bucket: str, start: date, end: date) -> Iterator[ArchiveObject]:
    """Yield the objects that were archived from one day to another, both included, in order of their keys."""
    with s3_errors(bucket):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX + "/"):
            for entry in page.get("Contents", []):
                # What somebody else has put there is none of ours.
                if (found := _parsed(entry["Key"], entry["Size"])) is not None and start <= found.day <= end:
                    yield found


def documents_in(client: S3Client, bucket: str, key: str) -> int:
    """Return how many documents an object holds, as cleanup has noted."""
    with s3_errors(bucket):
        noted = client.head_object(Bucket=bucket, Key=key)["Metadata"].get("documents", "0")
    return int(noted) if noted.isdigit() else 0


def _parsed(key: str, size: int) -> ArchiveObject | None:
    """Return what a key says; None if cleanup has not made it."""
    if (match := KEY.fullmatch(key)) is None:
        return None
    try:
        day = date.fromisoformat(match["day"].replace("/", "-"))
    except ValueError:
        return None
    return ArchiveObject(key, match["collection"], day, size)


def read_archive(client: S3Client, bucket: str, key: str) -> Iterator[bytes]:
    """Yield the documents of one object, each as the bytes that the server stored; not more than a few are in memory.

    Raises:
        PermanentError: the object is damaged, or does not hold BSON; what was yielded before is whole.
    """
    with s3_errors(bucket):
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        rest = b""
        try:
            for part in _unzipped(body.iter_chunks(READ_BYTES)):
                documents, rest = _split(rest + part)
                yield from documents
        except (zlib.error, ValueError) as exc:
            raise PermanentError(f"archive object {key}: it is damaged ({exc})") from None
    if rest:
        raise PermanentError(f"archive object {key}: it is damaged (its last document is cut off)")


def _unzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what the gzipped parts hold, in pieces of at most READ_BYTES.

    Raises:
        ValueError: the end is missing.
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
    """Return the whole documents at the beginning, and what follows them.

    Raises:
        ValueError: a length cannot be that of a document.
    """
    documents, start = [], 0
    while len(held) - start >= LENGTH_BYTES:
        length = int.from_bytes(held[start : start + LENGTH_BYTES], "little")
        if not LENGTH_BYTES < length <= LARGEST_DOCUMENT:
            raise ValueError("it does not hold BSON")
        if len(held) - start < length:
            break
        documents.append(held[start : start + length])
        start += length
    return documents, held[start:]
