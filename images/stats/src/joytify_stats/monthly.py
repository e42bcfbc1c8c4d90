"""The story of the month end: create the notification, give it to everyone entitled, push, start cleanup."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from bson.errors import InvalidId
from loguru import logger
from pydantic import Field

from joytify_common.errors import ConfigError, JobError, TransientError
from joytify_common.events import MAX_CONTINUATIONS, JobEvent
from joytify_stats.period import Period, resolve_period
from joytify_stats.pushes import Pushes

if TYPE_CHECKING:
    from collections.abc import Callable

    from joytify_common.deadline import Deadline
    from joytify_common.job import Run
    from joytify_stats.audience import Audience, Chunk, Delivery
    from joytify_stats.backend import Backend

# No chunk is begun with less time than this left.
CHUNK_SECONDS = 30.0
CHUNK_SHARE = 0.2
# Chunks that are given the notification at the same time: the one's wait for the journal is the other's work.
ATTACHING = 3


class StatsEvent(JobEvent):
    """Keys of the stats function's event."""

    period: str | None = Field(default=None, description='a month that is over, as "YYYY-MM"')
    after: str | None = Field(default=None, description="24 hex digits, set by a continuation")

    def position(self) -> ObjectId | None:
        """Return where a continuation goes on.

        Raises:
            ConfigError: it is no ObjectId.
        """
        try:
            return None if self.after is None else ObjectId(self.after)
        except InvalidId:
            raise ConfigError("event: after: it must be 24 hex digits") from None


@dataclass
class StatsProgress:
    """What a stats run has done so far; most fields are those of the contract (messages.py)."""

    stage: str = "start"
    skipped: str | None = None
    period: str | None = None
    notifications_created: int = 0
    users_processed: int = 0
    users_updated: int = 0
    notification_id: str | None = None
    socket_users_notified: int = 0
    socket_failures: int = 0
    socket_failure: str | None = None
    cleanup_triggered: bool = False
    cleanup_failure: str | None = None
    continued: bool = False
    dry_run: bool = False
    is_last_month: bool = True
    aside: JobError | None = None

    @property
    def unfinished(self) -> bool:
        """Whether a continuation goes on with this run's work, or it was not to do what the schedule is there for."""
        return self.continued or self.dry_run or not self.is_last_month

    def figures(self) -> dict[str, Any]:
        """Return the figures by the contract's field names."""
        return vars(self)


@dataclass(frozen=True, kw_only=True)
class MonthEnd:
    """One run for one period.

    Attributes:
        audience: who is to get the notification.
        backend: pushes it live.
        start_cleanup: hands over to cleanup.
        start_continuation: starts the next run, given where to go on.
        chunk_size: users per update.
        push_size: most users per push.
    """

    event: StatsEvent
    run: Run
    period: Period
    notification: ObjectId
    audience: Audience
    backend: Backend
    start_cleanup: Callable[[], None]
    start_continuation: Callable[[ObjectId], None]
    chunk_size: int
    push_size: int
    deadline: Deadline
    progress: StatsProgress
    _creating: threading.Lock = field(default_factory=threading.Lock)

    def tell(self) -> None:
        """Deliver the period to everyone entitled who lacks it, then start cleanup."""
        progress = self.progress
        progress.period, progress.dry_run = str(self.period), self.event.dry_run
        progress.is_last_month = self.period == resolve_period(None, self.run.now)
        progress.stage = "delivery"
        delivery = self.audience.delivery()
        progress.notification_id = str(self.notification) if delivery.exists else None
        if delivery.finished:
            progress.skipped = f"{self.period} has been delivered already"
        elif (stopped_at := self._deliver(delivery)) is not None:
            progress.stage = "continuation"
            if self.event.continuation >= MAX_CONTINUATIONS:
                # The position is recorded, so that Lambda's retries, or a person's, start where this run stopped.
                raise TransientError(
                    f"{self.period} is not finished after {MAX_CONTINUATIONS + 1} runs: invoke stats again"
                )
            self.start_continuation(stopped_at)
            progress.continued = True
            return
        if not self.event.dry_run:
            self._hand_over()

    def _deliver(self, delivery: Delivery) -> ObjectId | None:
        """Return where to go on when time ran out, None when everyone has been dealt with."""
        enough = min(CHUNK_SECONDS, self.deadline.remaining() * CHUNK_SHARE)
        after = max((p for p in (delivery.after, self.event.position()) if p is not None), default=None)
        pushes = Pushes(self.backend, self.push_size, self.deadline)
        try:
            with pushes, ThreadPoolExecutor(max_workers=1 + ATTACHING) as workers:
                stopped_at = self._deliver_chunks(workers, after, pushes, enough)
        finally:
            self.progress.socket_users_notified = pushes.notified
            self.progress.socket_failures, self.progress.socket_failure = pushes.failures, pushes.failure
        if stopped_at is None:
            self._finish()
        return stopped_at

    def _deliver_chunks(
        self, workers: ThreadPoolExecutor, after: ObjectId | None, pushes: Pushes, enough: float
    ) -> ObjectId | None:
        """Deliver chunk after chunk, the next one being read meanwhile; return where time ran out."""
        coming = workers.submit(self.audience.following, after, self.chunk_size)
        attaching: deque[tuple[Chunk, Future[list[ObjectId]]]] = deque()
        reached, in_time = None, True
        try:
            while attaching or (in_time and coming.result() is not None):
                if in_time and len(attaching) < ATTACHING and (chunk := coming.result()) is not None:
                    coming = workers.submit(self.audience.following, chunk.last, self.chunk_size)
                    attaching.append((chunk, workers.submit(self._attach, chunk)))
                    in_time = self.deadline.remaining() > enough
                    continue
                # In order, so that the progress written down never runs ahead of a chunk that is still at work.
                chunk, given = attaching.popleft()
                self._settle(chunk, given.result(), pushes)
                if not self.event.dry_run:
                    self.audience.record_progress(chunk.last)
                reached = chunk.last
        except TransientError:
            # Where a slow server outlasted the deadline, the next run goes on from what was reached.
            if reached is None or self.deadline.remaining() > 0:
                raise
            return reached
        finally:
            # Whom the other chunks at work have given it must be told too: no later run takes them for lacking it.
            for chunk, given in attaching:
                if given.exception() is None:
                    self._settle(chunk, given.result(), pushes)
        return None if in_time else reached

    def _attach(self, chunk: Chunk) -> list[ObjectId]:
        """Return whom this chunk has given the notification."""
        lacking = self.audience.lacking(chunk.users)
        if self.event.dry_run or not lacking:
            return lacking
        with self._creating:
            if self.progress.notification_id is None:
                created = self.audience.create_notification(self.period.notification_date(self.run.now), self.run.now)
                self.progress.notifications_created += created
                self.progress.notification_id = str(self.notification)
        return self.audience.attach(lacking, f"{self.run.run_id} {chunk.last}")

    def _settle(self, chunk: Chunk, given: list[ObjectId], pushes: Pushes) -> None:
        self.progress.users_processed += len(chunk.users)
        self.progress.users_updated += len(given)
        if given and not self.event.dry_run:
            pushes.start(given)

    def _finish(self) -> None:
        progress = self.progress
        if progress.users_processed == 0 and progress.notification_id is None:
            progress.skipped = f"nobody has statistics for {self.period}"
        elif progress.users_updated == 0 and progress.notification_id is None:
            progress.skipped = f"nobody with statistics for {self.period} wants the notification"
        elif not self.event.dry_run:
            self.audience.record_finish(self.run.now)

    def _hand_over(self) -> None:
        self.progress.stage = "hand-over"
        try:
            self.start_cleanup()
        except (ConfigError, TransientError) as exc:
            logger.error("cleanup could not be started", error=str(exc))
            self.progress.cleanup_failure, self.progress.aside = str(exc), exc
        else:
            self.progress.cleanup_triggered = True
