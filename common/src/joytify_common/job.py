"""The frame round a scheduled job: parse the event, bind ids, time it, publish the outcome, re-raise."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from uuid import uuid4

from loguru import logger

from joytify_common.errors import JobError, as_job_error
from joytify_common.events import EventT, parse_event
from joytify_common.heartbeat import cloudwatch_client, put_days_since_success, put_success

if TYPE_CHECKING:
    from collections.abc import Callable

    from joytify_common.deadline import LambdaContext
    from joytify_common.messages import Message
    from joytify_common.secrets import Secret
    from joytify_common.topic import Topic

# A message on the topic may hold 256 KiB; a longer error text tells nobody more.
LONGEST_ERROR = 2000


class Progress(Protocol):
    """What a run has done so far; it is told whether the run ends well or not.

    Attributes:
        stage: what the run is doing, in a word or two.
        skipped: why nothing is to be done, None where something is.
        aside: an error that leaves the run's work done, told besides the summary; None where there was none.
    """

    stage: str
    skipped: str | None
    aside: JobError | None

    @property
    def unfinished(self) -> bool:
        """Return whether there is more to do than this run did, or it was not to do anything."""

    def figures(self) -> dict[str, Any]:
        """Return the figures by the contract's field names."""


@dataclass(frozen=True)
class Run:
    """One invocation, as the story sees it.

    Attributes:
        function: deployed name of the function.
        request_id: Lambda's id of the invocation; a retry by Lambda has the same.
        run_id: id of this very attempt.
        now: when the run began, UTC.
        test_mode: whether it works on the test collections.
        secret: the pipeline's secret.
        context: Lambda's context, which knows the time left.
    """

    function: str
    request_id: str
    run_id: str
    now: datetime
    test_mode: bool
    secret: Secret
    context: LambdaContext


ProgressT = TypeVar("ProgressT", bound=Progress)


@dataclass(frozen=True, kw_only=True)
class Job(Generic[EventT, ProgressT]):
    """A scheduled function: call it with Lambda's event and context.

    Attributes:
        event_type: model of the event.
        new_progress: makes the record of one run.
        story: does the work and writes down in the progress what it did.
        summary: builds the message of a run that ended well from `source` and `data`.
        error: builds the message of a run that failed, likewise.
        secret: reads the pipeline's secret.
        topic: where the outcome is published.
    """

    event_type: type[EventT]
    new_progress: Callable[[], ProgressT]
    story: Callable[[EventT, Run, ProgressT], None]
    summary: Callable[..., Message]
    error: Callable[..., Message]
    secret: Callable[[], Secret]
    topic: Callable[[], Topic]

    def __call__(self, raw_event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - caller's JSON
        """Run the job once and return the summary's data.

        Raises:
            JobError: the job failed; the topic has been told, and Lambda is to retry.
        """
        telling = _Telling(context)
        progress = self.new_progress()
        with logger.contextualize(function=context.function_name, requestId=context.aws_request_id):
            try:
                progress.stage = "event"
                event = parse_event(self.event_type, raw_event)
                if event.heartbeat:
                    progress.stage = "heartbeat"
                    days = put_days_since_success(cloudwatch_client(), function=context.function_name, now=telling.now)
                    return {"daysSinceSuccess": days}
                self._run(event, progress, telling)
            except Exception as exc:  # noqa: BLE001 - told and raised again, whatever it is
                failure = as_job_error(exc, progress.stage)
                logger.opt(exception=exc).error("run failed", stage=progress.stage, error=str(failure))
                data = telling.failure(failure, progress)
                self._publish(self.error(source=context.function_name, data=data))
                raise failure from None
            summary = self.summary(source=context.function_name, data=telling.success(progress))
            outcome: dict[str, Any] = summary.data.model_dump(mode="json")
            logger.info("run ended", outcome=outcome)
            # A skipped schedule says so in its answer; on the topic it would be noise every few minutes.
            if not telling.off_schedule:
                self._publish(summary)
            if telling.in_schedules_mode and not progress.unfinished:
                put_success(context.function_name)
            if progress.aside is not None:
                data = telling.failure(progress.aside, progress)
                self._publish(self.error(source=context.function_name, data=data))
            return outcome

    def _run(self, event: EventT, progress: ProgressT, telling: _Telling) -> None:
        telling.test_mode = event.test_mode or None
        progress.stage = "secret"
        secret = self.secret()
        telling.test_mode = event.runs_in_test_mode(secret.schedule_mode)
        if (reason := event.skip_reason(secret.schedule_mode)) is not None:
            progress.skipped, telling.off_schedule = reason, True
            return
        # A run on the test collections is no success of what the schedule is there for.
        telling.in_schedules_mode = telling.test_mode == (secret.schedule_mode == "test_auto")
        progress.stage = "start"
        self.story(event, telling.run(secret), progress)

    def _publish(self, message: Message) -> None:
        try:
            self.topic().publish(message)
        except Exception as exc:  # noqa: BLE001 - the work is done: to fail now would have Lambda repeat it
            logger.opt(exception=exc).error("outcome could not be published", error=str(exc), type=message.type)


class _Telling:
    """What every message about one invocation says besides the job's own figures."""

    def __init__(self, context: LambdaContext) -> None:
        self.context = context
        self.now = datetime.now(UTC)
        self.started = time.monotonic()
        self.test_mode: bool | None = None
        self.off_schedule = False
        self.in_schedules_mode = False

    def run(self, secret: Secret) -> Run:
        return Run(
            function=self.context.function_name,
            request_id=self.context.aws_request_id,
            run_id=uuid4().hex,
            now=self.now,
            test_mode=bool(self.test_mode),
            secret=secret,
            context=self.context,
        )

    def success(self, progress: Progress) -> dict[str, Any]:
        return {**progress.figures(), **self._common(), "skipped": progress.skipped}

    def failure(self, failure: JobError, progress: Progress) -> dict[str, Any]:
        told = {"error": str(failure)[:LONGEST_ERROR], "error_type": type(failure).__name__, "stage": progress.stage}
        return {**progress.figures(), **self._common(), **told}

    def _common(self) -> dict[str, Any]:
        return {
            "timestamp": datetime.now(UTC),
            "execution_time_ms": round((time.monotonic() - self.started) * 1000),
            "test_mode": self.test_mode,
            "request_id": self.context.aws_request_id,
            "log_stream": self.context.log_stream_name,
        }
