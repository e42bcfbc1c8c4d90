"""Delete the expired documents in spans of a collection, batch by batch, until time runs out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from threading import Lock
from typing import Any

from loguru import logger

from joytify_cleanup.archive import Archive
from joytify_cleanup.batches import BatchOutcome, ExpiredDocuments
from joytify_cleanup.collection import Batch
from joytify_cleanup.report import Purged
from joytify_cleanup.throttle import READ_COST, Throttle
from joytify_cleanup.work import Counts, Work, added, the_end
from joytify_common.deadline import Deadline
from joytify_common.errors import TransientError, worst
from joytify_common.messages import ArchiveFigures

# Number of commands that delete concurrently if there is no pause between batches
# (docs/benchmarks.md); with a pause there is only one.
LANES_WITHOUT_PAUSE = 4
# A batch is started only if this many times its expected duration is left.
BATCH_MARGIN = 2.0


@dataclass(frozen=True, kw_only=True)
class Purge:
    """Deletes expired documents batch by batch; one instance serves all collections of a run.

    Attributes:
        batch_size: maximum number of documents in a batch; without a pause, each concurrent batch gets an equal share.
        pause_seconds: minimum pause between two full batches.
        deadline: when to stop.
        archive: archive to copy documents to before they are deleted; None to keep no copy.
    """

    batch_size: int
    pause_seconds: float
    deadline: Deadline
    archive: Archive | None

    def run(self, documents: ExpiredDocuments, todo: Sequence[Work], *, by_date: bool) -> Purged:
        """Delete the expired documents in the spans and, with `by_date`, those that an index on the date finds."""
        lanes = _Lanes(self, documents)
        swept = all(span.counts_undated for span in todo)
        for number, span in enumerate(todo):
            if (left := lanes.walk(span)) is not None:
                return lanes.purged((left, *todo[number + 1 :]), swept=swept)
        left_by_date = by_date and lanes.delete_by_date()
        return lanes.purged((the_end(documents.kind),) if left_by_date else (), swept=swept)


class _Lanes:
    """Threads that delete batches of one collection concurrently, and the totals of their results."""

    def __init__(self, purge: Purge, documents: ExpiredDocuments) -> None:
        self._purge, self._documents = purge, documents
        self._lane_count = LANES_WITHOUT_PAUSE if purge.pause_seconds == 0 else 1
        self._throttle = Throttle(ceil(purge.batch_size / self._lane_count), purge.pause_seconds)
        self._lock = Lock()
        self._counts, self._examined = Counts(), 0
        self._seconds: list[float] = []
        self._archive: ArchiveFigures | None = None
        self._failures: list[Exception] = []
        # Batches in the order in which they were started; in the end, only failed batches are left.
        self._open: list[Batch] = []
        # Whether time has run out or a batch has failed.
        self._is_stopped = False

    def walk(self, span: Work) -> Work | None:
        """Delete a span's expired documents in order of `_id`; return its rest, None if done."""
        rest: Work | None = span

        def take(size: int) -> Batch | None:
            nonlocal rest
            if rest is None:
                return None
            batch, rest = self._documents.batch(rest, size)
            return batch

        self._run(take)
        failed = self._open[0].span if self._open else None
        return rest if failed is None else span.cut(start=failed.start)

    def delete_by_date(self) -> bool:
        """Delete the documents that an index on the date finds; return whether more may be left."""
        before = -1
        try:
            if (index := self._documents.date_index) is None:
                return False
            # If nothing in a portion could be deleted, the index would return it again and again.
            while not self._is_stopped and self._counts.deleted > before:
                before = self._counts.deleted
                self._delete(self._documents.ids_by_date(index))
        except Exception as exc:  # noqa: BLE001 - returned with the work done before
            self._fail(exc)
        return self._is_stopped

    def _delete(self, ids: Sequence[Any]) -> None:
        """Delete the documents with these ids, batch by batch."""
        rest = list(ids)

        def take(size: int) -> Batch | None:
            taken, rest[:] = rest[:size], rest[size:]
            return Batch({"_id": {"$in": taken}}, len(taken)) if taken else None

        self._run(take)

    def _run(self, take: Callable[[int], Batch | None]) -> None:
        with ThreadPoolExecutor(self._lane_count) as pool:
            for lane in [pool.submit(self._work, take) for _ in range(self._lane_count)]:
                lane.result()

    def purged(self, left: tuple[Work, ...], *, swept: bool) -> Purged:
        """Return the result of all spans."""
        failure = worst(self._failures)
        # A transient error after the deadline means that time ran out, not that the run failed.
        if isinstance(failure, TransientError) and self._purge.deadline.remaining() == 0:
            failure = None
        return Purged(
            # Batches after a failed batch will be examined again, so the counts must not be reported as those of a
            # complete sweep.
            counts=self._counts.plus(Counts(swept=swept and not self._failures)),
            examined=self._examined,
            seconds=tuple(self._seconds),
            archive=self._archive,
            throttled=self._throttle.figures,
            left=left,
            failure=failure,
        )

    def _fail(self, failure: Exception) -> None:
        """Record the error and stop all threads."""
        self._failures.append(failure)
        self._is_stopped = True

    def _work(self, take: Callable[[int], Batch | None]) -> None:
        while (batch := self._next(take)) is not None:
            try:
                outcome = self._documents.purge(batch, self._purge.archive)
            except Exception as exc:  # noqa: BLE001 - returned with the work done before
                outcome = BatchOutcome(failure=exc)
            with self._lock:
                pause = self._record(batch, outcome)
            time.sleep(min(pause, self._purge.deadline.remaining()))

    def _next(self, take: Callable[[int], Batch | None]) -> Batch | None:
        """Return the next batch; None if all batches are taken, time is short or a batch failed."""
        with self._lock:
            size = self._throttle.size
            seconds = self._throttle.expected_seconds(size) * BATCH_MARGIN + self._throttle.pause
            if self._is_stopped or self._purge.deadline.remaining() <= seconds:
                self._is_stopped = True
                return None
            try:
                batch = take(size)
            except Exception as exc:  # noqa: BLE001 - returned with the work done before
                self._fail(exc)
                return None
            if batch is not None:
                self._open.append(batch)
            return batch

    def _record(self, batch: Batch, outcome: BatchOutcome) -> float:
        """Add the result of a batch to the totals; return how long to pause, in seconds."""
        deleted = outcome.counts.deleted
        self._counts = self._counts.plus(outcome.counts)
        # A failed batch counts as progress only for the documents that it deleted.
        self._examined += batch.documents if outcome.failure is None else deleted
        self._archive = added(self._archive, outcome.archive)
        if outcome.failure is None:
            self._open.remove(batch)
        else:
            self._fail(outcome.failure)
        if deleted:
            self._seconds.append(outcome.seconds)
            logger.debug("batch deleted", collection=self._documents.name, documents=deleted)
        done = deleted + READ_COST * max(0, batch.documents - deleted)
        self._throttle.observe(done, outcome.seconds)
        return self._throttle.pause_after(done)
