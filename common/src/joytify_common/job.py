"""Run a scheduled job: parse the event, run the use case, publish the outcome, raise on failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic

from aws_lambda_powertools.metrics import MetricUnit
from loguru import logger

from joytify_common.aws import aws_client
from joytify_common.deadline import LambdaContext
from joytify_common.errors import as_job_error
from joytify_common.events import EventT, parse_event
from joytify_common.heartbeat import put_days_since_success, put_success
from joytify_common.messages import CommonData, Message
from joytify_common.metrics import put_metrics
from joytify_common.outcome import (
    Answered,
    Completed,
    Failed,
    Failure,
    Heartbeat,
    Invocation,
    Metadata,
    ReportT,
    Skipped,
)
from joytify_common.secrets import Secret

REPORTS_LOST = "ReportsLost"
# The last attempt to publish and the wait before it take at most this long.
PUBLISH_SECONDS = 3.5


@dataclass(frozen=True)
class Run:
    """One invocation, as the use case sees it.

    Attributes:
        now: when the run began, UTC.
        test_mode: whether it works on the test collections.
        secret: the pipeline's secret.
        context: Lambda's context, which knows the time left.
    """

    now: datetime
    test_mode: bool
    secret: Secret
    context: LambdaContext


@dataclass(frozen=True, kw_only=True)
class Job(Generic[EventT, ReportT]):
    """A scheduled function: call it with Lambda's event and context.

    Attributes:
        event_type: model of the event.
        use_case: does the work and returns the outcome.
        empty_report: report of a run that did nothing.
        services: checks of the services that the job calls, by name, for a self-test; they change
            nothing.
        secret: reads the pipeline's secret.
        publish: publishes a message; its second argument is the number of seconds after which no retry is scheduled.
    """

    event_type: type[EventT]
    use_case: Callable[[EventT, Run], Answered | Completed[ReportT] | Failed[ReportT]]
    empty_report: ReportT
    services: Callable[[Run], Mapping[str, Callable[[], object]]]
    secret: Callable[[], Secret]
    publish: Callable[[Message, float], None]

    def __call__(self, raw_event: object, context: LambdaContext) -> dict[str, Any]:
        """Run the job once and return its answer: the summary's data, or a result for the caller only.

        Raises:
            JobError: the job failed; the failure has been published, unless the outcome is for the caller only.
        """
        now, started = datetime.now(UTC), time.monotonic()
        with logger.contextualize(function=context.function_name, requestId=context.aws_request_id):
            invocation = self._run(raw_event, context, now)
            common = CommonData(
                timestamp=datetime.now(UTC),
                execution_time_ms=round((time.monotonic() - started) * 1000),
                test_mode=invocation.test_mode,
                request_id=context.aws_request_id,
                log_stream=context.log_stream_name,
            )
            answer = self._conclude(invocation, Metadata(context.function_name, common), context)
            if invocation.is_success:
                put_success(context.function_name)
            return answer

    def _run(self, raw_event: object, context: LambdaContext, now: datetime) -> Invocation[ReportT]:
        stage, uses_scheduled_collections = "event", False
        test_mode: bool | None = None
        outcome: Heartbeat | Answered | Skipped | Completed[ReportT] | Failed[ReportT]
        try:
            event = parse_event(self.event_type, raw_event)
            if event.heartbeat:
                stage = "heartbeat"
                days = put_days_since_success(aws_client("cloudwatch"), function=context.function_name, now=now)
                return Invocation(Heartbeat(days))
            stage, test_mode = "secret", event.test_mode or None
            secret = self.secret()
            test_mode = event.runs_in_test_mode(secret.schedule_mode)
            uses_scheduled_collections = test_mode == (secret.schedule_mode == "test_auto")
            stage = "start"
            run = Run(now=now, test_mode=bool(test_mode), secret=secret, context=context)
            if event.self_test:
                outcome = Answered(check_services(self.services(run)))
            elif (reason := event.skip_reason(secret.schedule_mode)) is not None:
                outcome = Skipped(reason)
            else:
                outcome = self.use_case(event, run)
        except Exception as exc:  # noqa: BLE001 - every error is published and raised again
            outcome = Failed(self.empty_report, Failure(exc, stage))
            if isinstance(raw_event, Mapping) and raw_event.get("selfTest") is True:
                # Raising an error here would trigger the function's error alarm.
                outcome = Answered({stage: str(as_job_error(exc, stage))})
        return Invocation(outcome, test_mode, uses_scheduled_collections, self.event_type.is_for_caller_only(raw_event))

    def _conclude(self, invocation: Invocation[ReportT], metadata: Metadata, context: LambdaContext) -> dict[str, Any]:
        match invocation.outcome:
            case Heartbeat(days_since_success=days):
                return {"daysSinceSuccess": days}
            case Answered(data=data):
                logger.info("run ended", outcome=data)
                return dict(data)
            case Skipped(reason=reason):
                # In production mode, a run of the test schedule may be skipped every few minutes, so a skipped run is
                # not published.
                return self._logged_data(self.empty_report.summary(metadata, skipped=reason))
            case Completed(report=report, late_failure=late_failure):
                answer, message = self._summary(report, metadata)
                error_message = self._failure(report, metadata, late_failure) if late_failure else None
                self._publish([message, error_message], context)
                return answer
            case Failed(report=report, failure=failure):
                log_failure(failure)
                if not invocation.is_for_caller_only:
                    self._publish([self._failure(report, metadata, failure)], context)
                # The runtime logs an error and its causes unmasked; causes contain library texts.
                raise failure.job_error.with_traceback(None) from None

    def _summary(self, report: ReportT, metadata: Metadata) -> tuple[dict[str, Any], Message | None]:
        """Return the run's answer and the message to publish."""
        try:
            summary = report.summary(metadata)
        except Exception as exc:  # noqa: BLE001 - the work is done; if raised, Lambda would repeat it
            failure = Failure(exc, "summary")
            log_failure(failure)
            return dict(failure.fields()), self._failure(report, metadata, failure)
        return self._logged_data(summary), summary

    def _failure(self, report: ReportT, metadata: Metadata, failure: Failure) -> Message | None:
        """Return the error message with the report's figures, or without them if the report raises an error."""
        for each in (report, self.empty_report):
            try:
                return each.failure(metadata, failure)
            except Exception as exc:  # noqa: BLE001 - a report that cannot be rendered must not hide `failure`
                log_failure(Failure(exc, "report"))
        return None

    @staticmethod
    def _logged_data(message: Message) -> dict[str, Any]:
        data: dict[str, Any] = message.data.model_dump(mode="json")
        logger.info("run ended", outcome=data)
        return data

    def _publish(self, messages: Sequence[Message | None], context: LambdaContext) -> None:
        sns_just_failed = False
        for message in messages:
            if message is not None:
                sns_just_failed = not self._try_publish(message, context, sns_just_failed=sns_just_failed)

    def _try_publish(self, message: Message, context: LambdaContext, *, sns_just_failed: bool) -> bool:
        """Publish the message and return whether that succeeded.

        If no time is left, make a single attempt, or no attempt if SNS has just failed to take the previous message
        (`sns_just_failed`).
        """
        seconds = context.get_remaining_time_in_millis() / 1000 - PUBLISH_SECONDS
        try:
            if seconds > 0 or not sns_just_failed:
                self.publish(message, max(0.0, seconds))
                return True
            error: Exception | None = None
        except Exception as exc:  # noqa: BLE001 - the work is done; if raised, Lambda would repeat it
            error = exc
        # An alarm watches this metric, since the message does not reach Discord.
        put_metrics(context.function_name, {REPORTS_LOST: (MetricUnit.Count, 1)})
        why = str(error) if error else "publishing has just failed, and no time is left for another attempt"
        logger.opt(exception=error).error("outcome could not be published", error=why, type=message.type)
        return False


def check_services(services: Mapping[str, Callable[[], object]]) -> dict[str, str]:
    """Call each service and return the result by service name: `ok`, or the error message."""
    found = {}
    for name, call in services.items():
        try:
            call()
        except Exception as exc:  # noqa: BLE001 - returned to the caller
            found[name] = str(as_job_error(exc, name))
        else:
            found[name] = "ok"
    return found


def log_failure(failure: Failure) -> None:
    """Log an error with its cause or its traceback, in which the secret's values are masked."""
    logger.opt(exception=failure.error).error("run failed", stage=failure.stage, error=str(failure.job_error))
