"""Gateway: copy documents to S3 before they are deleted, verified (S3); the command reads them again.

An object holds documents exactly as the server stored them: gzipped BSON, as `mongodump --gzip` writes it and
`mongorestore` and `bsondump` read it. Its key names collection, day and run; no two runs share a key, not even two
attempts of the same event, so that nothing archived is ever overwritten.
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
# Speed counts more than size here: level 6 took three times as long for 15 % less.
COMPRESSION = 1
GZIP = 16 + zlib.MAX_WBITS
LENGTH_BYTES = 4
NOT_FOUND = {"404", "NoSuchBucket"}


class Copy:
    """Documents on their way to the archive, compressed while they arrive; `documents` and their `bytes` as BSON."""

    def __init__(self) -> None:
        self.documents = self.bytes = 0
        self._compressor = zlib.compressobj(COMPRESSION, wbits=GZIP)
        self._parts: list[bytes] = []

    def add(self, batch: bytes) -> None:
        """Take documents as the server sends them, one after the other."""
        start = 0
        while start < len(batch):
            start += int.from_bytes(batch[start : start + LENGTH_BYTES], "little")
            self.documents += 1
        self.bytes += len(batch)
        self._parts.append(self._compressor.compress(batch))

    def finish(self) -> bytes:
        """Return them as the content of an object."""
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
        """Make sure that the bucket is there.

        Raises:
            ConfigError: it does not exist or may not be used.
            TransientError: S3 could not be reached.
        """
        with s3_errors(self._bucket):
            self._client.head_bucket(Bucket=self._bucket)

    def write(self, collection: str, copy: Copy) -> ArchiveFigures:
        """Write the documents as one object, and return what S3 has confirmed.

        Raises:
            TransientError: S3 failed, or what it holds is not what was sent.
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
                # An attempt whose answer was lost may have written it; what is there is compared.
                if exc.response["Error"]["Code"] != "PreconditionFailed":
                    raise
            held = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        found = (held["ContentLength"], held.get("ChecksumSHA256"), held["Metadata"].get("documents"))
        if found != (len(body), checksum, str(copy.documents)):
            raise TransientError(f"archive object {key}: S3 does not hold what was sent")
        return ArchiveFigures(objects=1, documents=copy.documents, bytes=len(body))


def s3_errors(bucket: str) -> AbstractContextManager[None]:
    """Turn boto3's errors about the bucket into ours."""
    return aws_errors(f"CLEANUP_ARCHIVE_BUCKET: {bucket}", "S3", not_found=NOT_FOUND)
