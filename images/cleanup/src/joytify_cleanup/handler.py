"""Lambda entry of the cleanup function: wiring only."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial
from typing import TYPE_CHECKING, Any

from joytify_cleanup.archive import Archive
from joytify_cleanup.cleanup import Cleanup
from joytify_cleanup.database_size import DatabaseSize
from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.expired import ExpiredDocuments
from joytify_cleanup.fan_out import FanOutPlan, Outcome, worker_outcome
from joytify_cleanup.metrics import put_report
from joytify_cleanup.plan import Planner
from joytify_cleanup.purge import Purge
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.retention import cutoff, policies
from joytify_cleanup.server import describe_server, measured_rate
from joytify_cleanup.settings import CleanupSettings
from joytify_common import logs
from joytify_common.aws import cloudwatch_client, lambda_client, s3_client, sns_client
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline, LambdaContext
from joytify_common.invoke import invoke_async
from joytify_common.job import Job, Run
from joytify_common.mongo import URI_KEY, connect
from joytify_common.outcome import Completed, Failed
from joytify_common.secrets import read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_common.topic import Topic

if TYPE_CHECKING:
    from datetime import datetime

    from pymongo import MongoClient
    from pymongo.database import Database

    from joytify_cleanup.scope import Position
    from joytify_cleanup.steps import CollectionKind
    from joytify_common.collections import CollectionNames
    from joytify_common.messages import Chain
    from joytify_common.mongo import Document

SETTINGS = load_settings(CleanupSettings)
logs.configure(SETTINGS.log_level)


def clean_up(event: CleanupEvent, run: Run) -> Outcome:
    """Wire one run and return what it came to."""
    if event.failure is not None:
        return Failed(CleanupReport(triggered_by=event.triggered_by, fan_out=event.fan_out), event.failure.failure())
    client = connect(run.secret.require(URI_KEY))
    database = client[SETTINGS.db_name]
    names = collection_names(test_mode=run.test_mode)
    clock = event.clock(run.now)
    before = cutoff(clock, SETTINGS.cleanup_days)
    deadline = Deadline.of(run.context, limit_seconds=SETTINGS.cleanup_timeout_safety_minutes * 60)
    seconds = deadline.remaining()
    purge = _purge(event, run, deadline)
    wanted = [policy for policy in policies(names) if event.concerns(policy.collection, names)]
    collections = [ExpiredDocuments(database, policy, before, deadline) for policy in wanted]
    if event.plan:
        kinds: dict[str, CollectionKind] = {names.playbacks: "playbacks", names.sessions: "sessions"}
        return FanOutPlan(
            event=event,
            started_at=clock,
            cutoff=before,
            test_mode=run.test_mode,
            purge=purge,
            kinds=kinds,
            planner=partial(_planner, event, run, client, seconds),
        ).run(collections)
    size = _size(database, names, run, before)
    outcome = Cleanup(
        event=event,
        started_at=clock,
        cutoff=before,
        purge=purge,
        max_continuations=SETTINGS.cleanup_max_continuations,
        storage=size.measure,
        forecast=size.forecast,
        start_continuation=partial(_continue, event, run),
    ).run(collections)
    if isinstance(outcome, Completed):
        put_report(run.function, outcome.report, is_part=event.worker)
    return worker_outcome(event, outcome) if event.worker else outcome


def _size(database: Database[Document], names: CollectionNames, run: Run, before: datetime) -> DatabaseSize:
    return DatabaseSize(
        database=database,
        limit_mb=SETTINGS.storage_limit_mb,
        alert_percent=SETTINGS.storage_alert_percent,
        names=astuple(names),
        expiring=[policy.collection for policy in policies(names)],
        now=run.now,
        cutoff=before,
    )


def _purge(event: CleanupEvent, run: Run, deadline: Deadline) -> Purge:
    bucket = SETTINGS.cleanup_archive_bucket
    return Purge(
        batch_size=SETTINGS.cleanup_batch_size,
        pause_seconds=SETTINGS.cleanup_batch_delay_ms / 1000,
        max_delete_percent=SETTINGS.cleanup_max_delete_percent,
        allow_above_limit=event.allow_above_limit,
        sweep=event.sweep,
        dry_run=event.dry_run,
        deadline=deadline,
        archive=Archive(s3_client(), bucket, run.now) if bucket and not event.dry_run else None,
        span=event.time_range.span() if event.time_range else None,
    )


def _planner(event: CleanupEvent, run: Run, client: MongoClient[Document], seconds: float) -> Planner:
    server = describe_server(client, event.server_capacity)
    return Planner(
        capacity=min(server.capacity, event.max_workers or server.capacity),
        server=server.description,
        rate=measured_rate(cloudwatch_client(), run.function, run.now),
        seconds=seconds,
    )


def _continue(event: CleanupEvent, run: Run, chain: Chain, positions: dict[str, Position]) -> None:
    # The mode of this run, whatever the secret says by then; and no schedule skips it.
    mode = {"test_mode": run.test_mode, "schedule_mode": None}
    # What workers did is in the chain from here on.
    done = {"continuation": event.continuation + 1, "chain": chain, "positions": positions, "fan_out": None}
    next_event = event.model_copy(update={**done, **mode})
    invoke_async(lambda_client(), run.function, next_event.payload())


_job = Job(
    event_type=CleanupEvent,
    use_case=clean_up,
    nothing_done=CleanupReport(),
    secret=lambda: read_secret(secrets_provider(), SETTINGS.secret_id),
    topic=lambda: Topic(client=sns_client(), arn=SETTINGS.sns_topic_arn),
)


def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Clean up once; the answer is the summary's data."""
    return _job(event, context)
