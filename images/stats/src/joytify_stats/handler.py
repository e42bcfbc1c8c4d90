"""Lambda entry of the stats function: wiring only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from joytify_common import logs
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline, LambdaContext
from joytify_common.functions import invoke_async, lambda_client
from joytify_common.job import Job, Run
from joytify_common.messages import MonthlyStatsError, MonthlyStatsSummary
from joytify_common.mongo import URI_KEY, connect
from joytify_common.secrets import read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_common.topic import Topic, sns_client
from joytify_stats.audience import Audience
from joytify_stats.backend import Backend, http_client
from joytify_stats.monthly import MonthEnd, StatsEvent, StatsProgress
from joytify_stats.period import Period, resolve_period
from joytify_stats.settings import StatsSettings

if TYPE_CHECKING:
    from bson import ObjectId

# Larger ones gain nothing (docs/benchmarks.md), and a slow server is to finish one in the deadline's reserve.
CHUNK_USERS = 5000
SETTINGS = load_settings(StatsSettings)
logs.configure(SETTINGS.log_level)


def month_end(event: StatsEvent, run: Run, progress: StatsProgress) -> None:
    """Wire one run and tell its story."""
    period = resolve_period(event.period, run.now)
    notification = period.notification_id(test_mode=run.test_mode)
    database = connect(run.secret.require(URI_KEY))[SETTINGS.db_name]
    hand_over = {"testMode": run.test_mode, "triggeredBy": "stats"}
    deadline = Deadline.of(run.context)
    MonthEnd(
        event=event,
        run=run,
        period=period,
        notification=notification,
        audience=Audience(
            database,
            collection_names(test_mode=run.test_mode),
            period,
            notification,
            read_preference=SETTINGS.read_preference,
            deadline=deadline,
        ),
        backend=Backend(
            client=http_client(),
            domain=run.secret.require("API_DOMAIN").get_secret_value(),
            key=run.secret.require("API_INTERNAL_SECRET_KEY"),
        ),
        start_cleanup=partial(invoke_async, lambda_client(), SETTINGS.cleanup_function_name, hand_over),
        start_continuation=partial(_continue, event, run, period),
        chunk_size=CHUNK_USERS,
        push_size=SETTINGS.backend_chunk_size,
        deadline=deadline,
        progress=progress,
    ).tell()


def _continue(event: StatsEvent, run: Run, period: Period, after: ObjectId) -> None:
    following = {
        # The mode of this run, whatever the secret says by then; and no schedule is to skip it.
        "testMode": run.test_mode,
        "dryRun": event.dry_run,
        "triggeredBy": event.triggered_by,
        "period": str(period),
        "continuation": event.continuation + 1,
        "after": str(after),
    }
    invoke_async(lambda_client(), run.function, following)


_job = Job(
    event_type=StatsEvent,
    new_progress=StatsProgress,
    story=month_end,
    summary=MonthlyStatsSummary,
    error=MonthlyStatsError,
    secret=lambda: read_secret(secrets_provider(), SETTINGS.secret_id),
    topic=lambda: Topic(client=sns_client(), arn=SETTINGS.sns_topic_arn),
)


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON the caller sent
    """Run the month end once; the answer is the summary's data."""
    return _job(event, context)
