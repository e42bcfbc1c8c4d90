"""Lambda entry of the cleanup function: wiring only."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from joytify_cleanup.purge import CleanupEvent, CleanupProgress, Purge
from joytify_cleanup.records import Records
from joytify_cleanup.retention import cutoff, policies
from joytify_cleanup.settings import CleanupSettings
from joytify_cleanup.storage import measure_storage
from joytify_common import logs
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline, LambdaContext
from joytify_common.job import Job, Run
from joytify_common.messages import CleanupError, CleanupSummary
from joytify_common.metrics import put_metrics
from joytify_common.mongo import URI_KEY, mongo_client
from joytify_common.secrets import read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_common.topic import Topic, sns_client

SETTINGS = load_settings(CleanupSettings)
logs.configure(SETTINGS.log_level)


def purge(event: CleanupEvent, run: Run, progress: CleanupProgress) -> None:
    """Wire one run and tell its story."""
    database = mongo_client(run.secret.require(URI_KEY).get_secret_value())[SETTINGS.db_name]
    before = cutoff(run.now, SETTINGS.cleanup_days)
    progress.cutoff_date, progress.batch_size = before, SETTINGS.cleanup_batch_size
    progress.triggered_by, progress.continuation = event.triggered_by, event.continuation
    progress.dry_run = event.dry_run
    names = collection_names(test_mode=run.test_mode)
    Purge(
        event=event,
        batch_size=SETTINGS.cleanup_batch_size,
        pause_seconds=SETTINGS.cleanup_batch_delay_ms / 1000,
        max_delete_percent=SETTINGS.cleanup_max_delete_percent,
        deadline=Deadline.of(run.context, limit_seconds=SETTINGS.cleanup_timeout_safety_minutes * 60),
        progress=progress,
    ).clean([Records(database, policy, before) for policy in policies(names)])
    progress.stage = "storage"
    progress.storage = measure_storage(database, SETTINGS.storage_limit_mb)
    figures = progress.figures()
    put_metrics(
        run.function,
        {
            "RecordsDeleted": (MetricUnit.Count, figures["records_deleted"]),
            "StoragePercent": (MetricUnit.Percent, progress.storage.percent),
        },
    )


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
