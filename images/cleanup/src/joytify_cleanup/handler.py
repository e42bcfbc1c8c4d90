"""Lambda entry of the cleanup function: wiring only."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import MetricUnit
from loguru import logger

from joytify_cleanup.archive import Archive, s3_client
from joytify_cleanup.progress import CleanupProgress
from joytify_cleanup.purge import CleanupEvent, Purge
from joytify_cleanup.records import Records
from joytify_cleanup.retention import cutoff, policies
from joytify_cleanup.settings import CleanupSettings
from joytify_cleanup.storage import measure_storage
from joytify_common import logs
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline, LambdaContext
from joytify_common.errors import TransientError
from joytify_common.functions import invoke_async, lambda_client
from joytify_common.job import Job, Run
from joytify_common.messages import Chain, CleanupError, CleanupSummary, Storage
from joytify_common.metrics import put_metrics
from joytify_common.mongo import URI_KEY, connect, within
from joytify_common.secrets import read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_common.topic import Topic, sns_client

if TYPE_CHECKING:
    from collections.abc import Callable

# The gauge is read twice in a run, the second time in the reserve that the deadline leaves.
GAUGE_SECONDS = 4.0
SETTINGS = load_settings(CleanupSettings)
logs.configure(SETTINGS.log_level)


def purge(event: CleanupEvent, run: Run, progress: CleanupProgress) -> None:
    """Wire one run and tell its story."""
    database = connect(run.secret.require(URI_KEY))[SETTINGS.db_name]
    names = collection_names(test_mode=run.test_mode)
    # All runs of a chain share one clock, so that a document does not expire while the chain is at work.
    now = event.chain.started_at if event.chain else run.now
    deadline = Deadline.of(run.context, limit_seconds=SETTINGS.cleanup_timeout_safety_minutes * 60)
    before = cutoff(now, SETTINGS.cleanup_days)
    progress.cutoff_date, progress.batch_size = before, SETTINGS.cleanup_batch_size
    progress.triggered_by, progress.continuation = event.triggered_by, event.continuation
    progress.dry_run, progress.earlier = event.dry_run, event.chain
    gauge = partial(
        measure_storage,
        database,
        limit_mb=SETTINGS.storage_limit_mb,
        alert_percent=SETTINGS.storage_alert_percent,
        names=astuple(names),
        now=run.now,
    )
    progress.storage_before = _read_gauge(gauge)
    bucket = SETTINGS.cleanup_archive_bucket
    Purge(
        event=event,
        batch_size=SETTINGS.cleanup_batch_size,
        pause_seconds=SETTINGS.cleanup_batch_delay_ms / 1000,
        max_delete_percent=SETTINGS.cleanup_max_delete_percent,
        max_continuations=SETTINGS.cleanup_max_continuations,
        deadline=deadline,
        archive=Archive(s3_client(), bucket, run.now) if bucket and not event.dry_run else None,
        start_continuation=partial(_continue, event, run, progress),
        progress=progress,
    ).clean([Records(database, policy, before, deadline) for policy in policies(names)])
    progress.storage = _read_gauge(gauge)
    _put_metrics(run, progress)


def _read_gauge(gauge: Callable[[], Storage]) -> Storage | None:
    """Return the storage, None where it could not be measured: it is told, not needed."""
    try:
        with within(GAUGE_SECONDS):
            return gauge()
    except TransientError as exc:
        logger.warning("storage could not be measured", error=str(exc))
        return None


def _continue(event: CleanupEvent, run: Run, progress: CleanupProgress) -> None:
    if progress.earlier is None:
        progress.earlier = Chain(started_at=run.now)
    chain = progress.chain()
    # The mode of this run, whatever the secret says by then; and no schedule is to skip it.
    mode = {"test_mode": run.test_mode, "schedule_mode": None}
    following = event.model_copy(update={"continuation": event.continuation + 1, "chain": chain, **mode})
    invoke_async(lambda_client(), run.function, following.model_dump(mode="json", by_alias=True, exclude_none=True))


def _put_metrics(run: Run, progress: CleanupProgress) -> None:
    remaining = progress.remaining
    values: dict[str, tuple[MetricUnit, float]] = {
        "RecordsDeleted": (MetricUnit.Count, progress.deleted),
        "RecordsPerSecond": (MetricUnit.CountPerSecond, progress.records_per_second()),
        "BatchLatencyP50": (MetricUnit.Milliseconds, progress.latency(50) * 1000),
        "BatchLatencyP99": (MetricUnit.Milliseconds, progress.latency(99) * 1000),
        "ArchivedBytes": (MetricUnit.Bytes, progress.archive.bytes if progress.archive else 0),
    }
    if progress.storage is not None:
        values["StoragePercent"] = (MetricUnit.Percent, progress.storage.percent)
    if remaining is not None:
        values["RecordsRemaining"] = (MetricUnit.Count, remaining)
    put_metrics(run.function, values)


_job = Job(
    event_type=CleanupEvent,
    new_progress=CleanupProgress,
    story=purge,
    summary=CleanupSummary,
    error=CleanupError,
    secret=lambda: read_secret(secrets_provider(), SETTINGS.secret_id),
    topic=lambda: Topic(client=sns_client(), arn=SETTINGS.sns_topic_arn),
)


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON the caller sent
    """Clean up once; the answer is the summary's data."""
    return _job(event, context)
