"""The use case of the month end: create the notification, attach it to everyone entitled, push, start cleanup."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from loguru import logger
from pydantic import Field
from pydantic.alias_generators import to_camel

from joytify_common.errors import TransientError
from joytify_common.events import MAX_CONTINUATIONS, JobEvent
from joytify_common.ids import BEGINNING, Id
from joytify_common.outcome import Completed, Failed, Failure
from joytify_stats.audience import Attached
from joytify_stats.chunks import ChunkPipeline, Delivered, Once, chunk_sizes
from joytify_stats.period import Period, resolve_period
from joytify_stats.pushes import Pushes
from joytify_stats.rebuild import Built
from joytify_stats.report import StatsReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from bson import ObjectId

    from joytify_common.deadline import Deadline
    from joytify_common.job import Run
    from joytify_stats.audience import Audience, Chunk, DeliveryState
    from joytify_stats.backend import Backend
    from joytify_stats.rebuild import Rebuild

# No chunk is begun with less time than this left.
CHUNK_SECONDS = 30.0
CHUNK_SHARE = 0.2
# Of a run's time, for the chunk of users that is being built when the rest has gone.
REBUILD_SHARE = 0.3


class StatsEvent(JobEvent):
    """Keys of the stats function's event."""

    period: str | None = Field(default=None, description='a month that is over, as "YYYY-MM"')
    resend: bool = Field(
        default=False, description="true to send another notification if the month's has been deleted; or false"
    )
    rebuild: bool = Field(
        default=False,
        description="true to build missing statistics from plays first, except in a dry run; or false",
    )
    after: Id = Field(default=BEGINNING, description="Extended JSON of an _id, set by a continuation")
    rebuild_after: Id = Field(default=BEGINNING, description="Extended JSON of an _id, set by a continuation")

    def next(self, **changes: Any) -> StatsEvent:  # noqa: ANN401 - fields of the event
        """Return the event of the run that continues this one, with these fields changed."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        fields |= {"resend": False, "continuation": self.continuation + 1, **changes}
        return StatsEvent.model_validate({to_camel(name): value for name, value in fields.items()})


@dataclass(frozen=True, kw_only=True)
class MonthEnd:
    """One run for one period.

    Attributes:
        audience: who is entitled to it.
        rebuild: builds the statistics that are missing; asked for by the event.
        backend: pushes it live.
        start_cleanup: starts cleanup.
        start_continuation: starts the next run.
        chunk_size: most users per update.
        push_size: most users per push.
    """

    event: StatsEvent
    run: Run
    period: Period
    audience: Audience
    rebuild: Rebuild
    backend: Backend
    start_cleanup: Callable[[], None]
    start_continuation: Callable[[StatsEvent], None]
    chunk_size: int
    push_size: int
    deadline: Deadline

    def deliver(self) -> Completed[StatsReport] | Failed[StatsReport]:
        """Deliver the period to everyone entitled who has not got it, then start cleanup."""
        report = StatsReport(
            period=str(self.period),
            dry_run=self.event.dry_run,
            is_last_month=self.period == resolve_period(None, self.run.now),
        )
        stage = "rebuild"
        try:
            if self.event.rebuild and not self.event.dry_run:
                built = self._rebuild()
                report = replace(report, built=built)
                if not built.is_done:
                    stage = "continuation"
                    self._continue(rebuild_after=built.last)
                    return Completed(replace(report, continued=True))
            stage = "delivery"
            delivery = self._delivery()
            report = replace(report, notification=delivery.notification, adopted=delivery.adopted)
            if (reason := self._why_nothing_is_sent(delivery)) is not None:
                return self._trigger_cleanup(replace(report, nothing_to_do=reason))
            delivered, report = self._deliver(delivery, report)
            if delivered.failure is not None:
                return Failed(report, Failure(delivered.failure, stage))
            if not delivered.is_done:
                stage = "continuation"
                if report.users_skipped and not self.event.dry_run:
                    self.audience.record_skipped()
                # What is missing has been built.
                self._continue(after=delivered.reached, rebuild=False, rebuild_after=BEGINNING)
                return Completed(replace(report, continued=True))
            if report.notification is not None and not self.event.dry_run:
                skipped = delivery.skipped or report.users_skipped > 0
                self.audience.record_finish(report.notification, self.run.now, skipped=skipped)
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            return Failed(report, Failure(exc, stage))
        return self._trigger_cleanup(replace(report, nothing_to_do=self._nothing_to_do(report)))

    def _rebuild(self) -> Built:
        """Build the statistics that are missing, as far as the time allows."""
        self.rebuild.check()
        least_seconds = self.deadline.remaining() * REBUILD_SHARE
        total = Built(last=self.event.rebuild_after)
        for chunk in self.rebuild.build(self.event.rebuild_after):
            total = total.plus(chunk)
            if self.deadline.remaining() < least_seconds:
                return total
        return replace(total, is_done=True)

    def _delivery(self) -> DeliveryState:
        delivery = self.audience.delivery()
        if delivery.deleted and self.event.resend:
            return self.audience.forget(dry_run=self.event.dry_run)
        return delivery

    def _why_nothing_is_sent(self, delivery: DeliveryState) -> str | None:
        if delivery.deleted:
            return (
                f"the notification of {self.period} was deleted after it had been sent; "
                f"joytify invoke stats --period {self.period} --resend sends another"
            )
        return f"{self.period} has been delivered already" if delivery.finished else None

    def _deliver(self, delivery: DeliveryState, report: StatsReport) -> tuple[Delivered, StatsReport]:
        create = Once(
            partial(
                self.audience.create_notification,
                delivery.notification,
                self.period.notification_date(self.run.now),
                self.run.now,
            )
        )
        pushes = Pushes(self.backend, self.push_size, self.deadline)
        dry_run = self.event.dry_run
        sizes = chunk_sizes(self.chunk_size)
        pipeline = ChunkPipeline(
            read=lambda position: self.audience.next_chunk(position, next(sizes)),
            attach=partial(self._attach, create),
            notify=(lambda _: None) if dry_run else pushes.start,
            record=(lambda _: None) if dry_run else self.audience.record_progress,
            deadline=self.deadline,
            seconds_per_chunk=min(CHUNK_SECONDS, self.deadline.remaining() * CHUNK_SHARE),
        )
        with pushes:
            delivered = pipeline.run(self.event.after if delivery.after is None else delivery.after)
        notification, created = create.result or (report.notification, False)
        return delivered, replace(
            report,
            notification=notification,
            created=created,
            chunks=delivered.outcomes,
            pushes=pushes.totals,
        )

    def _attach(self, create: Once[tuple[ObjectId, bool]], chunk: Chunk) -> Attached:
        pending = self.audience.pending(chunk.users)
        if self.event.dry_run or not pending.users:
            return pending
        notification, _ = create()
        attached = self.audience.attach(notification, pending.users)
        return Attached(attached.users, attached.skipped + pending.skipped)

    def _nothing_to_do(self, report: StatsReport) -> str | None:
        if report.notification is not None:
            return None
        if report.users_processed == 0:
            return f"nobody has statistics for {self.period}"
        nobody = report.users_updated == 0 and report.users_skipped == 0
        return f"nobody with statistics for {self.period} wants the notification" if nobody else None

    def _continue(self, **changes: Any) -> None:  # noqa: ANN401 - fields of the event
        if self.event.continuation >= MAX_CONTINUATIONS:
            # The position is recorded, so that Lambda's retries, or a person's, start where this run stopped.
            runs = MAX_CONTINUATIONS + 1
            raise TransientError(f"{self.period} is not finished after {runs} runs: invoke stats again")
        # The mode of this run, whatever the secret says by then; and no schedule skips it.
        fixed = {"test_mode": self.run.test_mode, "schedule_mode": None, "period": str(self.period)}
        self.start_continuation(self.event.next(**fixed, **changes))

    def _trigger_cleanup(self, report: StatsReport) -> Completed[StatsReport]:
        if self.event.dry_run:
            return Completed(report)
        try:
            self.start_cleanup()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the notifications are delivered
            failure = Failure(exc, "hand-over")
            logger.opt(exception=exc).error("cleanup could not be started", error=str(failure.job_error))
            return Completed(replace(report, cleanup_failure=str(failure.job_error)), failure)
        return Completed(replace(report, cleanup_triggered=True))
