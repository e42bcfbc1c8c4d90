"""Lambda entry of the cleanup function: wiring only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from functools import partial

from pymongo.database import Database

from joytify_cleanup.archive import Archive
from joytify_cleanup.batches import ExpiredDocuments
from joytify_cleanup.cleanup import Cleanup, Outcome
from joytify_cleanup.database_size import AFTER_SECONDS, FORECAST_SECONDS, forecast, measure
from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.metrics import put_report
from joytify_cleanup.purge import Purge
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.retention import POLICIES
from joytify_cleanup.settings import CleanupSettings
from joytify_cleanup.work import Done
from joytify_common import logs
from joytify_common.aws import aws_client
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline
from joytify_common.invoke import invoke_async
from joytify_common.job import Job, Run
from joytify_common.messages import Storage
from joytify_common.mongo import Document, connect
from joytify_common.mongo_errors import URI_KEY
from joytify_common.outcome import Completed, Failed
from joytify_common.secrets import read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_common.topic import publish

SETTINGS = load_settings(CleanupSettings)
logs.configure(SETTINGS.log_level)


def clean_up(event: CleanupEvent, run: Run) -> Outcome:
    """Wire one run and return its outcome."""
    if event.failure is not None:
        report = CleanupReport(triggered_by=event.triggered_by, before=event.done_so_far())
        return Failed(report, event.failure.as_failure())
    before = event.done_before(run.now, SETTINGS.cleanup_days, test_mode=run.test_mode)
    deadline = Deadline.of(run.context, limit_seconds=SETTINGS.cleanup_timeout_safety_minutes * 60)
    database, names = connect(run.secret.require(URI_KEY), SETTINGS.db_name), collection_names(test_mode=run.test_mode)
    outcome = Cleanup(
        event=event,
        before=before,
        collections=[
            ExpiredDocuments(database[getattr(names, kind)], kind, before, deadline)
            for kind in POLICIES
            if event.collection in {None, kind}
        ],
        purge=_purge(event, run, deadline),
        deletion_limit_percent=SETTINGS.cleanup_deletion_limit_percent,
        max_continuations=SETTINGS.cleanup_max_continuations,
        measure=partial(_storage, database, run, before),
        start=lambda following: invoke_async(aws_client("lambda"), run.context.function_name, following.payload()),
    ).run()
    if isinstance(outcome, Completed) and not (event.dry_run or run.test_mode):
        put_report(run.context.function_name, outcome.report)
    return outcome


def _storage(database: Database[Document], run: Run, before: Done, with_trend: bool) -> Storage | None:  # noqa: FBT001
    """Return how full the database is after a run, optionally with a trend; None if unknown."""
    storage = measure(database, SETTINGS.storage_limit_mb, SETTINGS.storage_alert_percent, AFTER_SECONDS)
    if storage is None or not with_trend:
        return storage
    names = collection_names(test_mode=run.test_mode)
    return forecast(
        database,
        storage,
        FORECAST_SECONDS,
        names=astuple(names),
        expiring=[getattr(names, kind) for kind in POLICIES],
        now=run.now,
        cutoff=before.cutoff,
    )


def _purge(event: CleanupEvent, run: Run, deadline: Deadline) -> Purge:
    bucket = SETTINGS.cleanup_archive_bucket
    return Purge(
        batch_size=SETTINGS.cleanup_batch_size,
        pause_seconds=SETTINGS.cleanup_batch_delay_ms / 1000,
        deadline=deadline,
        archive=Archive(aws_client("s3"), bucket, run.now) if bucket and not (event.dry_run or event.plan) else None,
    )


def services(run: Run) -> dict[str, Callable[[], object]]:
    """Return the checks of MongoDB and, if archiving is on, of the archive bucket, by name, for a self-test."""
    bucket = SETTINGS.cleanup_archive_bucket
    archive = {"archive": Archive(aws_client("s3"), bucket, run.now).check} if bucket else {}
    return {"mongodb": lambda: connect(run.secret.require(URI_KEY), SETTINGS.db_name), **archive}


# Runs the job once and returns the answer, which in most cases is the data of the summary message.
handler = Job(
    event_type=CleanupEvent,
    use_case=clean_up,
    empty_report=CleanupReport(),
    services=services,
    secret=lambda: read_secret(secrets_provider(), SETTINGS.secret_id),
    publish=lambda message, seconds: publish(aws_client("sns"), SETTINGS.sns_topic_arn, message, seconds),
)
