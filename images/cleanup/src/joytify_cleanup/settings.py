"""Settings of the cleanup function."""

from __future__ import annotations

from pydantic import Field

from joytify_common.events import MAX_CONTINUATIONS
from joytify_common.settings import JobSettings


class CleanupSettings(JobSettings):
    """Settings that the cleanup function reads from the environment."""

    cleanup_days: int = Field(
        60,
        ge=1,
        le=3650,
        title="Retention period: playbacks older than this, and sessions idle for longer, are deleted.",
        description="1 to 3650 days",
    )
    cleanup_batch_size: int = Field(
        10_000,
        ge=1,
        le=100_000,
        title="Maximum number of documents that one batch deletes.",
        description="1 to 100000 documents",
    )
    cleanup_batch_delay_ms: int = Field(
        100,
        ge=0,
        le=60_000,
        title="Pause between two batches, so that the app keeps its latency; 0 deletes as fast as the server can.",
        description="0 to 60000 milliseconds",
    )
    cleanup_timeout_safety_minutes: float = Field(
        14,
        gt=0,
        le=15,
        title="After this time a run stops, and its continuation starts; earlier if the function's timeout is near.",
        description="more than 0, at most 15 minutes",
    )
    cleanup_deletion_limit_percent: float = Field(
        95,
        gt=0,
        le=100,
        title=(
            "Deletion limit: if a larger share of a collection of 1,000 documents or more has expired, "
            "cleanup deletes nothing from this collection and the run fails."
        ),
        description="more than 0, at most 100 percent",
    )
    cleanup_max_continuations: int = Field(
        8,
        ge=0,
        le=MAX_CONTINUATIONS,
        title="Maximum number of runs that continue the first run.",
        description=f"0 to {MAX_CONTINUATIONS} runs after the first",
    )
    cleanup_archive_bucket: str = Field(
        "",
        pattern=r"^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        title="Bucket to which documents are copied before they are deleted.",
        description="name of an S3 bucket, or empty for no archive",
    )
    storage_alert_percent: float = Field(
        80,
        gt=0,
        le=100,
        title="Share of the storage limit above which the storage alarm is raised.",
        description="more than 0, at most 100 percent",
    )
    storage_limit_mb: int = Field(
        512,
        ge=1,
        le=10_000_000,
        title="Storage limit of the cluster, in MB of 1,048,576 bytes.",
        description="1 to 10000000 MB",
    )
