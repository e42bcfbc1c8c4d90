"""The batches of one collection: the next one is prefetched while the current one is deleted, and each is observed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from loguru import logger

from joytify_cleanup.batches import batch_of
from joytify_common.errors import TransientError, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from joytify_cleanup.archive import Archive
    from joytify_cleanup.batches import Batch
    from joytify_cleanup.expired import BatchSource, ExpiredDocuments
    from joytify_cleanup.throttle import Throttle
    from joytify_common.deadline import Deadline

# A batch is begun only if this many times its expected duration is left.
BATCH_MARGIN = 2.0

PurgeStop = Literal["completed", "deadline", "no_progress"]

T = TypeVar("T")


@dataclass(frozen=True)
class Prefetched:
    """A batch that was found and, if there is an archive, copied there.

    Attributes:
        archived_bytes: size of its object in the archive; None if it was not archived.
    """

    batch: Batch
    archived_bytes: int | None = None

    @property
    def archived_documents(self) -> int:
        """Number of documents copied to the archive."""
        return 0 if self.archived_bytes is None else self.batch.documents


@dataclass(frozen=True)
class BatchOutcome:
    """What became of one batch.

    Attributes:
        deleted: number of documents.
        seconds: how long the deletion took.
        archived_documents: number of documents copied to the archive before.
        archived_bytes: size of their object; None without one.
        failure: the error that decides if a part failed, or None.
    """

    deleted: int
    seconds: float
    archived_documents: int = 0
    archived_bytes: int | None = None
    failure: Exception | None = None


@dataclass(frozen=True)
class Purged:
    """What became of a collection's batches, and why there are no more of them.

    Attributes:
        failure: the error that ended it, which `stop` says nothing of; or None.
    """

    batches: tuple[BatchOutcome, ...] = ()
    stop: PurgeStop = "completed"
    failure: Exception | None = None


class TwoStrikes:
    """Ends a loop that finds the same documents again and again without deleting any.

    The app or a TTL index may have been quicker once; twice in a row, what is found stays.
    """

    def __init__(self) -> None:
        self._strikes = 0

    def record(self, batch: Batch, outcome: BatchOutcome) -> bool:
        """Record a batch; return whether it was the second fruitless one of stragglers in a row."""
        fruitless = batch.last and batch.parts and not outcome.deleted
        self._strikes = self._strikes + 1 if fruitless else 0
        return self._strikes == 2  # noqa: PLR2004 - as the name says


@dataclass(frozen=True, kw_only=True)
class BatchPipeline:
    """Deletes what is expired in one collection, batch after batch.

    Attributes:
        source: finds the batches.
        archive: where documents are copied before they are deleted; None for nowhere.
        workers: one prefetches, one deletes each part.
    """

    documents: ExpiredDocuments
    source: BatchSource
    archive: Archive | None
    throttle: Throttle
    deadline: Deadline
    workers: ThreadPoolExecutor

    def run(self) -> Purged:
        """Return what was deleted and why it ended; errors are returned, not raised."""
        outcomes: list[BatchOutcome] = []
        strikes, coming = TwoStrikes(), self._prefetch(after=0)
        while coming is not None:
            found = _result(coming.result)
            if isinstance(found, Exception):
                return self._failed(outcomes, found, None)
            if found is None:
                return Purged(tuple(outcomes))
            # What is archived is deleted, whatever the time: else it would be archived again.
            if found.archived_bytes is None and self.deadline.remaining() == 0:
                break
            batch = found.batch
            # Stragglers are looked for when the batch before is gone.
            coming = None if batch.last else self._prefetch(after=batch.documents)
            outcome = self._delete(found)
            if batch.parts:
                outcomes.append(outcome)
            if outcome.failure is not None:
                return self._failed(outcomes, outcome.failure, coming)
            if strikes.record(batch, outcome):
                return Purged(tuple(outcomes), "no_progress")
            if batch.last:
                coming = self._prefetch_stragglers()
            elif coming is not None:
                time.sleep(min(self.throttle.pause, self.deadline.remaining()))
        return Purged(tuple(outcomes), "deadline")

    def _failed(
        self, outcomes: Sequence[BatchOutcome], failure: Exception, coming: Future[Prefetched | None] | None
    ) -> Purged:
        """Return how it ended, once the prefetch is over: what that archived is reported, what it raised is ranked."""
        is_late = self.deadline.remaining() == 0
        found = None if coming is None else _result(coming.result)
        decisive = worst([failure, found] if isinstance(found, Exception) else [failure])
        if isinstance(found, Prefetched) and found.archived_bytes is not None:
            archived = BatchOutcome(0, 0.0, found.archived_documents, found.archived_bytes, decisive)
            outcomes = [*outcomes, archived]
        # A server that is slow beyond the deadline is out of time, not broken.
        if is_late and isinstance(decisive, TransientError):
            return Purged(tuple(outcomes), "deadline")
        return Purged(tuple(outcomes), failure=decisive)

    def _prefetch(self, *, after: int) -> Future[Prefetched | None] | None:
        """Begin to find and archive the next batch; None if there is no time to delete it too."""
        seconds = self.throttle.expected_seconds(after + self.throttle.size) * BATCH_MARGIN + self.throttle.pause
        if self.deadline.remaining() <= seconds:
            return None
        return self.workers.submit(self._find_and_archive, self.throttle.size)

    def _prefetch_stragglers(self) -> Future[Prefetched | None] | None:
        """Begin to look for stragglers while there is any time: there are few or none."""
        if self.deadline.remaining() == 0:
            return None
        return self.workers.submit(self._find_and_archive, self.throttle.size)

    def _find_and_archive(self, size: int) -> Prefetched | None:
        batch = self.source.next(size)
        if batch is None or self.archive is None or not batch.parts:
            return None if batch is None else Prefetched(batch)
        archived = self.archive.write(self.documents.name, self.documents.read(batch))
        # Only what is archived is deleted.
        ids = archived.ids if archived else []
        return Prefetched(batch_of(ids, last=batch.last), archived.bytes if archived else None)

    def _delete(self, prefetched: Prefetched) -> BatchOutcome:
        began = time.monotonic()
        parts = [self.workers.submit(self.documents.delete, part) for part in prefetched.batch.parts]
        results = [_result(part.result) for part in parts]
        failures = [result for result in results if isinstance(result, Exception)]
        outcome = BatchOutcome(
            deleted=sum(result for result in results if isinstance(result, int)),
            seconds=time.monotonic() - began,
            archived_documents=prefetched.archived_documents,
            archived_bytes=prefetched.archived_bytes,
            failure=worst(failures),
        )
        if results and not failures:
            self.throttle.observe(outcome.deleted, outcome.seconds)
            logger.debug("batch deleted", collection=self.documents.name, documents=outcome.deleted)
        return outcome


def _result(call: Callable[[], T]) -> T | Exception:
    """Return what the call returned, or what it raised."""
    try:
        return call()
    except Exception as exc:  # noqa: BLE001 - returned
        return exc
