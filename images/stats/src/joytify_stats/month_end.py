"""The month-end use case: create the notification, give it to entitled users, start cleanup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from loguru import logger
from pydantic import Field, field_validator, model_validator

from joytify_common.errors import PermanentError, TransientError
from joytify_common.events import MAX_CONTINUATIONS, JobEvent, flag
from joytify_common.ids import BEGINNING
from joytify_common.job import Run
from joytify_common.outcome import Answered, Completed, Failed, Failure
from joytify_common.secrets import ScheduleMode
from joytify_stats.delivery import MIN_REFUSED, Delivery
from joytify_stats.delivery_record import DeliveryProgress
from joytify_stats.period import resolve_period
from joytify_stats.rebuild import Rebuild
from joytify_stats.rebuild_results import Built
from joytify_stats.report import StatsReport

# Share of a run's time that is reserved to finish building the pages that are in progress.
REBUILD_SHARE = 0.3


class StatsEvent(JobEvent):
    """Keys of the stats function's event."""

    FOR_CALLER_ONLY = ("pushAgain",)

    period: str | None = Field(
        default=None,
        title="Month of the statistics that are announced to users; by default the last complete month.",
        description='a past month, as "YYYY-MM"',
    )
    resend: bool = flag("Sends another notification if the notification of the month has been deleted.")
    push_again: bool = flag("Only pushes the month's notification again, to everyone who has it and has not viewed it.")
    rebuild: bool = flag("First builds missing statistics from plays, except in a dry run.")

    @field_validator("period")
    @classmethod
    def _check_period(cls, text: str | None) -> str | None:
        resolve_period(text, datetime.now(UTC))
        return text

    @model_validator(mode="after")
    def _check_push_again(self) -> StatsEvent:
        if self.push_again and (self.resend or self.rebuild):
            raise ValueError("pushAgain cannot be combined with resend or rebuild")
        return self

    def runs_in_test_mode(self, schedule_mode: ScheduleMode) -> bool:
        """Return whether the run works on the test collections; a continuation works on the first run's collections."""
        return self.test_mode if self.continuation else super().runs_in_test_mode(schedule_mode)


@dataclass(frozen=True, kw_only=True)
class MonthEnd:
    """One run for one period.

    Attributes:
        rebuild: builds missing statistics, if the event asks for it.
        delivery: gives the period's notification to everyone entitled.
        start_cleanup: starts cleanup.
        start_continuation: starts the next run.
    """

    event: StatsEvent
    run: Run
    rebuild: Rebuild
    delivery: Delivery
    start_cleanup: Callable[[], None]
    start_continuation: Callable[[StatsEvent], None]

    def push_again(self) -> Answered:
        """Push the period's notification again to everyone who has it and has not viewed it; nothing is written."""
        state = self.delivery.delivery_record.state()
        if state.notification is None or state.deleted:
            why = f"the notification of {self.delivery.period} does not exist, so there is nothing to push"
            return Answered({"period": str(self.delivery.period), "skipped": why})
        totals, is_complete = self.delivery.push_again(state.notification)
        return Answered(
            {
                "period": str(self.delivery.period),
                "dryRun": self.event.dry_run,
                "socketUsersNotified": totals.notified,
                "socketFailures": totals.failures,
                "socketFailure": totals.failure,
                "isComplete": is_complete,
            }
        )

    def deliver(self) -> Completed[StatsReport] | Failed[StatsReport]:
        """Deliver the notification, then start cleanup; return the outcome."""
        report = StatsReport(
            period=str(self.delivery.period),
            dry_run=self.event.dry_run,
            is_last_month=self.delivery.period == resolve_period(None, self.run.now),
        )
        if self.event.rebuild and not self.event.dry_run:
            built, failure = self._rebuild()
            report = replace(report, built=built)
            if failure is not None:
                return Failed(report, Failure(failure, "rebuild"))
            if not built.is_done:
                return self._continue(report)
        try:
            return self._deliver(report)
        except Exception as exc:  # noqa: BLE001 - returned with the work done before
            return Failed(report, Failure(exc, "delivery"))

    def _deliver(self, report: StatsReport) -> Completed[StatsReport] | Failed[StatsReport]:
        has_more = report.built is not None and report.built.written > 0
        state = self.delivery.prepare(resend=self.event.resend, has_more=has_more)
        report = replace(report, notification=state.notification, adopted=state.adopted)
        if (reason := self._why_nothing_is_sent(state)) is not None:
            return self._trigger_cleanup(replace(report, idle_reason=reason))
        delivered, report = self.delivery.run(state, report)
        if delivered.failure is not None:
            return Failed(report, Failure(delivered.failure, "delivery"))
        if not delivered.is_done:
            # Missing statistics have been built already.
            return self._continue(report, rebuild=False)
        return self._trigger_cleanup(replace(report, idle_reason=self._idle_reason(report)))

    def _rebuild(self) -> tuple[Built, Exception | None]:
        """Build missing statistics while time allows; return the result, and an error or None."""
        least_seconds = self.delivery.deadline.remaining() * REBUILD_SHARE
        progress, in_time = self.delivery.delivery_record, True
        total = Built()

        def goes_on() -> bool:
            nonlocal in_time
            in_time = self.delivery.deadline.remaining() > least_seconds
            return in_time

        try:
            self.rebuild.check()
            # The position is read from the database, since anybody may have written the event.
            start = progress.built_until() if self.event.continuation else BEGINNING
            for page in self.rebuild.build(start, goes_on):
                total = total.plus(page)
            progress.record_built(total.last if total.users else start)
            if total.users_skipped:
                progress.record_skipped()
        except Exception as exc:  # noqa: BLE001 - returned with the work done before
            return total, exc
        if total.users == total.users_skipped >= MIN_REFUSED:
            return total, PermanentError("no user's statistics could be built; the log says why")
        return replace(total, is_done=in_time), None

    def _why_nothing_is_sent(self, state: DeliveryProgress) -> str | None:
        if state.deleted:
            return (
                f"the notification of {self.delivery.period} was deleted after it had been sent; "
                f"joytify invoke stats --period {self.delivery.period} --resend sends another"
            )
        return self._noted(f"{self.delivery.period} has been delivered already") if state.finished else None

    def _idle_reason(self, report: StatsReport) -> str | None:
        if report.notification is not None or report.users_updated or report.users_skipped:
            return None
        if report.users_processed == 0:
            return self._noted(f"nobody has statistics for {self.delivery.period}")
        return self._noted(f"nobody with statistics for {self.delivery.period} wants the notification")

    def _noted(self, reason: str) -> str:
        """Return the reason, with a note if the real run would first build missing statistics."""
        is_untried = self.event.rebuild and self.event.dry_run
        return f"{reason}; a dry run does not build missing statistics" if is_untried else reason

    def _continue(self, report: StatsReport, **changes: Any) -> Completed[StatsReport] | Failed[StatsReport]:  # noqa: ANN401 - fields of the event
        if self.event.continuation >= MAX_CONTINUATIONS:
            # The delivery's position is recorded, so that a retry, by Lambda or by a person, delivers from there.
            text = f"{self.delivery.period} is not finished after {MAX_CONTINUATIONS + 1} runs: invoke stats again"
            return Failed(report, Failure(TransientError(text), "continuation"))
        fixed = {"testMode": self.run.test_mode, "period": str(self.delivery.period), "resend": False}
        try:
            self.start_continuation(self.event.following(**fixed, **changes))
        except Exception as exc:  # noqa: BLE001 - returned with the work done before
            return Failed(report, Failure(exc, "continuation"))
        return Completed(replace(report, continued=True))

    def _trigger_cleanup(self, report: StatsReport) -> Completed[StatsReport]:
        if self.event.dry_run:
            return Completed(report)
        try:
            self.start_cleanup()
        except Exception as exc:  # noqa: BLE001 - the notifications are delivered in any case
            failure = Failure(exc, "cleanup start")
            logger.opt(exception=exc).error("cleanup could not be started", error=str(failure.job_error))
            return Completed(replace(report, cleanup_failure=str(failure.job_error)), failure)
        return Completed(replace(report, cleanup_triggered=True))
