"""Settings of the cleanup function."""

from __future__ import annotations

from pydantic import Field

from joytify_common.events import MAX_CONTINUATIONS
from joytify_common.settings import JobSettings


class CleanupSettings(JobSettings):
    """Settings that the cleanup function reads from the environment."""

    cleanup_days: int = Field(60, ge=1, le=3650, description="1 to 3650 days")
    cleanup_batch_size: int = Field(10_000, ge=1, le=100_000, description="1 to 100000 documents")
    cleanup_batch_delay_ms: int = Field(100, ge=0, le=60_000, description="0 to 60000 milliseconds")
    cleanup_timeout_safety_minutes: float = Field(14, gt=0, le=15, description="more than 0, at most 15 minutes")
    cleanup_deletion_limit_percent: float = Field(95, gt=0, le=100, description="more than 0, at most 100 percent")
    cleanup_max_continuations: int = Field(
        8, ge=0, le=MAX_CONTINUATIONS, description=f"0 to {MAX_CONTINUATIONS} runs after the first"
    )
    cleanup_archive_bucket: str = Field(
        "",
        pattern=r"^$|^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="name of an S3 bucket, or empty for no archive",
    )
    storage_alert_percent: float = Field(80, gt=0, le=100, description="more than 0, at most 100 percent")
    storage_limit_mb: int = Field(512, ge=1, le=10_000_000, description="1 to 10000000 MB")
