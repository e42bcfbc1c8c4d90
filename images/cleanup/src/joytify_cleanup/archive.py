"""Gateway: copy documents to the archive and verify the copy before the documents are deleted (S3).

An object contains documents exactly as the server stored them: gzipped BSON in the format of
`mongodump --gzip`, which `mongorestore` and `bsondump` read. Its key names the collection, the day
and the run. No two runs share a key, not even two attempts at the same event, so an archived object
is never overwritten.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import ClientError

from joytify_common.aws import aws_errors
from joytify_common.errors import TransientError
from joytify_common.messages import ArchiveFigures

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "archive"
# Speed matters more than size: level 6 took three times as long and saved 15 %.
COMPRESSION = 1
GZIP = 16 + zlib.MAX_WBITS
LENGTH_BYTES = 4
NOT_FOUND = {"404", "NoSuchBucket"}


class Copy:
    """The content of one archive object, compressed while its documents arrive.

    Attributes:
        documents: number of documents added.
        bytes: their uncompressed size, as BSON.
    """

    def __init__(self) -> None:
        self.documents = self.bytes = 0
        self._compressor = zlib.compressobj(COMPRESSION, wbits=GZIP)
        self._parts: list[bytes] = []

    def add(self, batch: bytes) -> None:
        """Add documents: concatenated BSON, as the server sends it."""
        start = 0
        while start < len(batch):
            start += int.from_bytes(batch[start : start + LENGTH_BYTES], "little")
            self.documents += 1
        self.bytes += len(batch)
        self._parts.append(self._compressor.compress(batch))

    def finish(self) -> bytes:
        """Return the content of the object; no documents can be added afterwards."""
        return b"".join((*self._parts, self._compressor.flush()))


class Archive:
    """The archive bucket, for one run."""

    def __init__(self, client: S3Client, bucket: str, now: datetime) -> None:
        self._client = client
        self._bucket = bucket
        self._run = f"{now:%Y%m%dT%H%M%S}Z-{uuid4().hex[:12]}"
        self._day = f"{now:%Y/%m/%d}"
        self._numbers = count(1)

    def check(self) -> None:
        """Check that the bucket exists and may be used.

        Raises:
            ConfigError: the bucket does not exist or may not be used.
            TransientError: S3 could not be reached.
        """
        with s3_errors(self._bucket):
            self._client.head_bucket(Bucket=self._bucket)

    def write(self, collection: str, copy: Copy) -> ArchiveFigures:
        """Write the documents as one object, verify it in S3, and return its figures.

        Raises:
            TransientError: S3 failed, or the stored object differs from the object that was sent.
        """
        body = copy.finish()
        key = f"{PREFIX}/{collection}/{self._day}/{self._run}/{next(self._numbers):06}.bson.gz"
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        with s3_errors(self._bucket):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ChecksumSHA256=checksum,
                    ContentType="application/gzip",
                    Metadata={"documents": str(copy.documents)},
                    # Nothing that is archived is ever overwritten.
                    IfNoneMatch="*",
                )
            except ClientError as exc:
                # An attempt whose response was lost may have written the object; compare it below.
                if exc.response["Error"]["Code"] != "PreconditionFailed":
                    raise
            held = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        found = (held["ContentLength"], held.get("ChecksumSHA256"), held["Metadata"].get("documents"))
        if found != (len(body), checksum, str(copy.documents)):
            raise TransientError(f"archive object {key}: the object in S3 differs from the one sent")
        return ArchiveFigures(objects=1, documents=copy.documents, bytes=len(body))


def s3_errors(bucket: str) -> AbstractContextManager[None]:
    """Turn boto3's errors about the bucket into ours."""
    return aws_errors(f"CLEANUP_ARCHIVE_BUCKET: {bucket}", "S3", not_found=NOT_FOUND)
