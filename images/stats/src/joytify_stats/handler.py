"""Lambda entry of the stats function: wiring only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from joytify_common import logs
from joytify_common.aws import aws_client
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline
from joytify_common.events import JobEvent
from joytify_common.invoke import invoke_async, start_execution
from joytify_common.job import Job, Run
from joytify_common.mongo import connect
from joytify_common.mongo_errors import URI_KEY
from joytify_common.outcome import Answered, Completed, Failed
from joytify_common.secrets import read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_common.topic import publish
from joytify_stats.audience import Audience
from joytify_stats.backend import Backend
from joytify_stats.delivery import Delivery
from joytify_stats.delivery_record import DeliveryRecord
from joytify_stats.month_end import MonthEnd, StatsEvent
from joytify_stats.pages import PAGE_USERS
from joytify_stats.period import resolve_period
from joytify_stats.rebuild import Rebuild
from joytify_stats.report import StatsReport
from joytify_stats.settings import StatsSettings

# Time limit of the push in a self-test, for which `joytify doctor` waits.
TEST_SECONDS = 10.0
SETTINGS = load_settings(StatsSettings)
logs.configure(SETTINGS.log_level)


def month_end(event: StatsEvent, run: Run) -> Answered | Completed[StatsReport] | Failed[StatsReport]:
    """Wire one run and return its outcome."""
    period = resolve_period(event.period, run.now)
    database = connect(run.secret.require(URI_KEY), SETTINGS.db_name)
    # Once a month, cleanup examines every document, including those that the weekly runs leave out.
    cleanup_event = JobEvent(testMode=run.test_mode, triggeredBy="stats").payload() | {"sweep": True}
    deadline = Deadline.of(run.context)
    names = collection_names(test_mode=run.test_mode)
    use_case = MonthEnd(
        event=event,
        run=run,
        rebuild=Rebuild(database, names, period, replace=False, deadline=deadline),
        delivery=Delivery(
            period=period,
            delivery_record=DeliveryRecord(database, names, period, deadline),
            audience=Audience(database, names, period, read_preference=SETTINGS.read_preference, deadline=deadline),
            backend=_backend(run),
            page_size=PAGE_USERS,
            push_size=SETTINGS.backend_push_size,
            deadline=deadline,
            dry_run=event.dry_run,
            now=run.now,
        ),
        start_cleanup=partial(_start_cleanup, run, cleanup_event),
        start_continuation=lambda next_event: invoke_async(
            aws_client("lambda"), run.context.function_name, next_event.payload()
        ),
    )
    return use_case.push_again() if event.push_again else use_case.deliver()


def _backend(run: Run) -> Backend:
    return Backend(
        domain=run.secret.require("API_DOMAIN").get_secret_value(),
        key=run.secret.require("API_INTERNAL_SECRET_KEY"),
    )


def services(run: Run) -> dict[str, Callable[[], object]]:
    """Return the checks of MongoDB and of the backend, by name, for a self-test."""
    return {
        "mongodb": lambda: connect(run.secret.require(URI_KEY), SETTINGS.db_name),
        # A push to nobody: the backend checks the key and answers as it does to any push.
        "backend": lambda: _backend(run).push([], Deadline.of(run.context, TEST_SECONDS)),
    }


def _start_cleanup(run: Run, event: dict[str, Any]) -> None:
    if machine := SETTINGS.cleanup_state_machine_arn:
        # A retry by Lambda has the same request id, so it does not start a second execution.
        start_execution(aws_client("stepfunctions"), machine, event, f"stats-{run.context.aws_request_id}")
    else:
        invoke_async(aws_client("lambda"), SETTINGS.cleanup_function_name, event)


# Runs the job once and returns its answer: the data of its summary, or a result for the caller only.
handler = Job(
    event_type=StatsEvent,
    use_case=month_end,
    empty_report=StatsReport(),
    services=services,
    secret=lambda: read_secret(secrets_provider(), SETTINGS.secret_id),
    publish=lambda message, seconds: publish(aws_client("sns"), SETTINGS.sns_topic_arn, message, seconds),
)
