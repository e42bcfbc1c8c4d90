"""`bin/empty-bucket` on more objects than S3 deletes in one call."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from joytify_local.aws import aws_client

ROOT = Path(__file__).parents[2]
KEYS_IN_ONE_CALL = 1000


def test_all_versions_and_delete_markers_are_deleted_beyond_one_page(endpoint: str) -> None:
    s3, bucket = aws_client("s3", endpoint), "filled"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    with ThreadPoolExecutor(4) as workers:
        keys = [f"archive/{number}" for number in range(KEYS_IN_ONE_CALL)]
        list(workers.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"x"), keys))
    s3.put_object(Bucket=bucket, Key="archive/0", Body=b"newer")
    s3.delete_object(Bucket=bucket, Key="archive/1")

    # AWS_REGION alone must be enough, although boto3 does not read it.
    environment = {name: value for name, value in os.environ.items() if name != "AWS_DEFAULT_REGION"}
    subprocess.run(
        ["bin/empty-bucket", bucket], cwd=ROOT, env={**environment, "AWS_ENDPOINT_URL": endpoint}, check=True
    )

    held = s3.list_object_versions(Bucket=bucket)
    assert held.get("Versions", []) == held.get("DeleteMarkers", []) == []
    s3.delete_bucket(Bucket=bucket)
