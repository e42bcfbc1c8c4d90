"""The story of a cleanup: batches until nothing expired is left or time is out."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger
from pydantic import Field

from joytify_cleanup.batches import PARTS, Batch, batch_of
from joytify_cleanup.pace import Pace
from joytify_cleanup.progress import ArchiveTally, CleanupProgress, Tally
from joytify_common.errors import JobError, PermanentError, TransientError
from joytify_common.events import JobEvent
from joytify_common.messages import Chain, Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joytify_cleanup.archive import Archive
    from joytify_cleanup.records import BatchSource, Records
    from joytify_common.deadline import Deadline

# A smaller collection may well be expired as a whole.
BRAKE_FROM_DOCUMENTS = 1000
# A batch is begun only where this many times its expected duration is left.
BATCH_MARGIN = 2.0
# Counting is told, not needed: the server may take this share of the time left, and no longer than this.
COUNT_SHARE = 0.1
COUNT_SECONDS = 20.0
# What is left when the deadline has come is counted in the reserve.
LATE_COUNT_SECONDS = 2.0
# For a dry run's estimate; half of what docs/benchmarks.md measured.
RECORDS_PER_SECOND = 30_000


class CleanupEvent(JobEvent):
    """Keys of the cleanup function's event."""

    allow_above_limit: bool = Field(default=False, description="true or false")
    chain: Chain | None = Field(default=None, description="set by a continuation")


@dataclass(frozen=True, kw_only=True)
class Purge:
    """One run over all collections.

    Attributes:
        batch_size: most documents in a batch.
        pause_seconds: least rest between two batches.
        max_delete_percent: the brake: a larger expired share of a collection must be allowed by the event.
        max_continuations: most runs after the first.
        deadline: when to stop.
        archive: where documents are copied before they are deleted, None for nowhere.
        start_continuation: starts the next run of the chain.
        progress: where the run writes down what it did.
    """

    event: CleanupEvent
    batch_size: int
    pause_seconds: float
    max_delete_percent: float
    max_continuations: int
    deadline: Deadline
    archive: Archive | None
    start_continuation: Callable[[], None]
    progress: CleanupProgress

    def clean(self, collections: Sequence[Records]) -> None:
        """Delete what is expired in each collection; where time runs out, start the run that goes on.

        Raises:
            ConfigError: the archive bucket is not there.
            PermanentError: the brake held in a collection; the others have been cleaned.
        """
        if self.archive is not None:
            self.progress.stage = "archive"
            self.archive.check()
            self.progress.archive = ArchiveTally()
        for records in collections:
            tally = Tally(name=records.name)
            self.progress.tallies.append(tally)
            if self.event.dry_run:
                self._look(records, tally)
            elif not self._brake_holds(records, tally):
                self._empty(records, tally)
        if not self.event.dry_run:
            self._raise_where_braked()
        if self.progress.timed_out:
            self._continue()

    def _look(self, records: Records, tally: Tally) -> None:
        self.progress.stage = f"count {records.name}"
        tally.remaining = records.count_expired(self._count_seconds())
        tally.undated = records.count_undated(self._count_seconds())
        if self._brake_holds(records, tally):
            self.progress.stop_reason = "brake"
        if tally.remaining is not None:
            before = self.progress.estimate or Estimate(bytes=0, seconds=0)
            pauses = tally.remaining // self.batch_size * self.pause_seconds
            self.progress.estimate = Estimate(
                bytes=before.bytes + round(tally.remaining * records.average_bytes()),
                seconds=round(before.seconds + tally.remaining / RECORDS_PER_SECOND + pauses, 1),
            )

    def _brake_holds(self, records: Records, tally: Tally) -> bool:
        if not self.event.allow_above_limit:
            self.progress.stage = f"brake {records.name}"
            tally.braked = records.exceeds(self.max_delete_percent, BRAKE_FROM_DOCUMENTS, self._count_seconds())
        return tally.braked

    def _raise_where_braked(self) -> None:
        if braked := [tally.name for tally in self.progress.tallies if tally.braked]:
            self.progress.stage, self.progress.stop_reason = "brake", "brake"
            raise PermanentError(
                f"more than CLEANUP_MAX_DELETE_PERCENT ({self.max_delete_percent:g} %) of {', '.join(braked)} is "
                'expired, and nothing was deleted there; if that is right, invoke with {"allowAboveLimit": true}'
            )

    def _empty(self, records: Records, tally: Tally) -> None:
        self.progress.stage = f"delete {records.name}"
        with ThreadPoolExecutor(max_workers=1 + PARTS) as workers:
            emptied = self._delete(records, tally, workers)
        # Counted afterwards, when there is less to read.
        seconds = max(LATE_COUNT_SECONDS, self._count_seconds())
        tally.remaining = 0 if emptied else records.count_expired(seconds)
        tally.undated = records.count_undated(seconds)

    def _delete(self, records: Records, tally: Tally, workers: ThreadPoolExecutor) -> bool:
        """Delete batch after batch, the next one being prepared meanwhile; return whether nothing expired is left."""
        pace = Pace(self.batch_size, self.pause_seconds, latencies=self.progress.latencies)
        source = records.batches()

        def prepare(size: int) -> Future[Batch | None]:
            return workers.submit(self._prepare, records, source, size)

        coming, fruitless = prepare(pace.size), False
        while (batch := self._in_time(coming)) is not None:
            if self.deadline.remaining() <= pace.expected_seconds(batch.documents) * BATCH_MARGIN + pace.pause:
                self.progress.timed_out = True
                break
            if not batch.last:
                coming = prepare(pace.size)
            deleted = self._delete_batch(records, batch, tally, pace, workers) if batch.parts else 0
            if self.progress.timed_out:
                break
            # The app or a TTL index may have been quicker, once; what is found again and not deleted stays.
            was_fruitless, fruitless = fruitless, bool(batch.last and batch.parts and not deleted)
            if fruitless and was_fruitless:
                self.progress.stop_reason = "no_progress"
                return False
            if batch.last:
                coming = prepare(pace.size)
            else:
                time.sleep(pace.pause)
        return not self.progress.timed_out

    def _in_time(self, coming: Future[Batch | None]) -> Batch | None:
        """Return the batch; None too where a slow server outlasted the deadline, which is written down."""
        try:
            return coming.result()
        except TransientError:
            if self.deadline.remaining() > 0:
                raise
            self.progress.timed_out = True
            return None

    def _prepare(self, records: Records, source: BatchSource, size: int) -> Batch | None:
        """Find the next batch and, where there is an archive, copy it there: only what is archived is deleted."""
        batch = source.next(size)
        if batch is None or self.archive is None or self.progress.archive is None:
            return batch
        archived = self.archive.write(records.name, records.read(batch))
        if archived is None:
            return Batch([], last=batch.last)
        self.progress.archive.objects += 1
        self.progress.archive.documents += len(archived.ids)
        self.progress.archive.bytes += archived.bytes
        return batch_of(archived.ids, last=batch.last)

    def _delete_batch(
        self, records: Records, batch: Batch, tally: Tally, pace: Pace, workers: ThreadPoolExecutor
    ) -> int:
        """Return how many documents were deleted; where a slow server outlasted the deadline, that is written down."""
        began = time.monotonic()
        deleted, failure = 0, None
        for part in [workers.submit(records.delete, part) for part in batch.parts]:
            try:
                deleted += part.result()
            except JobError as exc:
                failure = exc
        tally.deleted += deleted
        tally.batches += bool(deleted) or failure is None
        if failure is not None:
            if not isinstance(failure, TransientError) or self.deadline.remaining() > 0:
                raise failure
            self.progress.timed_out = True
            return deleted
        pace.observe(deleted, time.monotonic() - began)
        logger.debug("batch deleted", collection=tally.name, documents=deleted, next=pace.size, pause=pace.pause)
        return deleted

    def _continue(self) -> None:
        progress = self.progress
        if progress.deleted == 0:
            progress.stop_reason = "no_progress"
        elif self.event.continuation >= self.max_continuations:
            progress.stop_reason = "continuations_exhausted"
        else:
            progress.stop_reason, progress.stage = "deadline", "continuation"
            self.start_continuation()
            progress.continued = True

    def _count_seconds(self) -> float:
        return min(COUNT_SECONDS, self.deadline.remaining() * COUNT_SHARE)
