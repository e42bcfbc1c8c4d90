"""The use case of the month end: create the notification, attach it to everyone entitled, push, start cleanup."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from bson.errors import InvalidId
from loguru import logger
from pydantic import Field

from joytify_common.errors import ConfigError, TransientError
from joytify_common.events import MAX_CONTINUATIONS, JobEvent
from joytify_common.outcome import Completed, Failed, Failure
from joytify_stats.chunks import ChunkPipeline, Delivered, Once, chunk_sizes
from joytify_stats.period import Period, resolve_period
from joytify_stats.pushes import Pushes
from joytify_stats.report import StatsReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    after: str | None = Field(default=None, description="24 hex digits, set by a continuation")
    rebuild: bool = Field(
        default=False,
        description="true to build missing statistics from plays first, except in a dry run; or false",
    )
    rebuild_after: str | None = Field(default=None, description="24 hex digits, set by a continuation")

    def position(self) -> ObjectId | None:
        """Return where a continuation starts; None in a first run.

        Raises:
            ConfigError: it is no ObjectId.
        """
        return _object_id("after", self.after)

    def rebuild_position(self) -> ObjectId | None:
        """Return after which user the building goes on; None in a first run.

        Raises:
            ConfigError: it is no ObjectId.
        """
        return _object_id("rebuildAfter", self.rebuild_after)


def _object_id(key: str, text: str | None) -> ObjectId | None:
    try:
        return None if text is None else ObjectId(text)
    except InvalidId:
        raise ConfigError(f"event: {key}: it must be 24 hex digits") from None


@dataclass(frozen=True, kw_only=True)
class MonthEnd:
    """One run for one period.

    Attributes:
        notification: `_id` of the period's notification.
        audience: who is entitled to it.
        rebuild: builds the statistics that are missing; asked for by the event.
        backend: pushes it live.
        start_cleanup: starts cleanup.
        start_continuation: starts the next run, given what its event has otherwise.
        chunk_size: most users per update.
        push_size: most users per push.
    """

    event: StatsEvent
    run: Run
    period: Period
    notification: ObjectId
    audience: Audience
    rebuild: Rebuild
    backend: Backend
    start_cleanup: Callable[[], None]
    start_continuation: Callable[[dict[str, Any]], None]
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
            if self.event.rebuild and not self.event.dry_run and (stopped_at := self._rebuild()) is not None:
                stage = "continuation"
                self._continue({"rebuild_after": str(stopped_at)})
                return Completed(replace(report, continued=True))
            stage = "delivery"
            delivery = self.audience.delivery()
            report = replace(report, notification_id=str(self.notification) if delivery.exists else None)
            if delivery.finished:
                reason = f"{self.period} has been delivered already"
                return self._trigger_cleanup(replace(report, nothing_to_do=reason))
            delivered, report = self._deliver(delivery, report)
            if delivered.failure is not None:
                return Failed(report, Failure(delivered.failure, stage))
            if delivered.stopped_at is not None:
                stage = "continuation"
                # What is missing has been built.
                self._continue({"after": str(delivered.stopped_at), "rebuild": False, "rebuild_after": None})
                return Completed(replace(report, continued=True))
            if report.notification_id is not None and not self.event.dry_run:
                self.audience.record_finish(self.run.now)
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            return Failed(report, Failure(exc, stage))
        return self._trigger_cleanup(replace(report, nothing_to_do=self._nothing_to_do(report)))

    def _rebuild(self) -> ObjectId | None:
        """Build the statistics that are missing; return after which user to go on, None if all is done."""
        self.rebuild.check()
        least_seconds = self.deadline.remaining() * REBUILD_SHARE
        for chunk in self.rebuild.build(self.event.rebuild_position()):
            if self.deadline.remaining() < least_seconds:
                return chunk.last
        return None

    def _deliver(self, delivery: DeliveryState, report: StatsReport) -> tuple[Delivered, StatsReport]:
        position = self.event.position()
        after = max((p for p in (delivery.after, position) if p is not None), default=None)
        create = Once(
            partial(self.audience.create_notification, self.period.notification_date(self.run.now), self.run.now)
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
            delivered = pipeline.run(after)
        return delivered, replace(
            report,
            notification_id=report.notification_id if create.result is None else str(self.notification),
            created=create.result is True,
            chunks=delivered.outcomes,
            pushes=pushes.totals,
        )

    def _attach(self, create: Once[bool], chunk: Chunk) -> Sequence[ObjectId]:
        pending = self.audience.pending_users(chunk.users)
        if self.event.dry_run or not pending:
            return pending
        create()
        return self.audience.attach(pending, f"{self.run.run_id} {chunk.last}")

    def _nothing_to_do(self, report: StatsReport) -> str | None:
        if report.notification_id is not None:
            return None
        if report.users_processed == 0:
            return f"nobody has statistics for {self.period}"
        return f"nobody with statistics for {self.period} wants the notification" if not report.users_updated else None

    def _continue(self, changes: dict[str, Any]) -> None:
        if self.event.continuation >= MAX_CONTINUATIONS:
            # The position is recorded, so that Lambda's retries, or a person's, start where this run stopped.
            runs = MAX_CONTINUATIONS + 1
            raise TransientError(f"{self.period} is not finished after {runs} runs: invoke stats again")
        self.start_continuation(changes)

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
