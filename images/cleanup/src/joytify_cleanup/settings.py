"""Settings of the cleanup function."""

from __future__ import annotations

from pydantic import Field

from joytify_common.events import MAX_CONTINUATIONS
from joytify_common.settings import JobSettings, above_zero, between


class CleanupSettings(JobSettings):
    """Settings that the cleanup function reads from the environment."""

    cleanup_days: int = between(
        1,
        3650,
        "days",
        default=60,
        title="Retention period: playbacks older than this, and sessions idle for longer, are deleted.",
    )
    cleanup_batch_size: int = between(
        1,
        100_000,
        "documents",
        default=10_000,
        title="Maximum number of documents per batch; without a pause, of the four concurrent batches together.",
    )
    cleanup_batch_delay_ms: int = between(
        0,
        60_000,
        "milliseconds",
        default=100,
        title="Minimum pause between two full batches, for the app's latency; 0: pauses only if the server is slow.",
    )
    cleanup_timeout_safety_minutes: float = above_zero(
        15,
        "minutes",
        default=14,
        title="After this time a run stops, and its continuation starts; earlier if the function's timeout is near.",
    )
    cleanup_deletion_limit_percent: float = above_zero(
        100,
        "percent",
        default=95,
        title=(
            "Deletion limit: if a larger share of a collection of 1,000 documents or more has expired, "
            "cleanup deletes nothing from this collection and the run fails."
        ),
    )
    cleanup_max_continuations: int = between(
        0,
        MAX_CONTINUATIONS,
        "runs after the first",
        default=8,
        title="Maximum number of runs that continue the first run.",
    )
    cleanup_archive_bucket: str = Field(
        "",
        pattern=r"^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        title="Bucket to which documents are copied before they are deleted.",
        description="name of an S3 bucket, or empty for no archive",
    )
    storage_alert_percent: float = above_zero(
        100, "percent", default=80, title="Share of the storage limit above which the storage alarm is raised."
    )
    storage_limit_mb: int = between(
        1, 10_000_000, "MB", default=512, title="Storage limit of the cluster, in MB of 1,048,576 bytes."
    )
