"""The batches of one collection: each is found, archived if asked for, deleted and observed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from loguru import logger

from joytify_cleanup.batches import parts_of
from joytify_cleanup.throttle import work
from joytify_common.errors import TransientError, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor

    from joytify_cleanup.archive import Archive
    from joytify_cleanup.batches import Batch
    from joytify_cleanup.expired import ExpiredDocuments
    from joytify_cleanup.sources import BatchSource
    from joytify_cleanup.throttle import Throttle
    from joytify_common.deadline import Deadline

# A batch is begun only if this many times its expected duration is left.
BATCH_MARGIN = 2.0

PurgeStop = Literal["completed", "deadline"]

T = TypeVar("T")


@dataclass(frozen=True)
class Prefetched:
    """A batch that was found and, if there is an archive, copied there.

    Attributes:
        seconds: how long the server took to find it.
        archived_bytes: size of its object in the archive; None if it was not archived.
    """

    batch: Batch
    seconds: float
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
        passed: documents that were walked over, expired or not.
        undated: those of them without a date; 0 if they were not counted.
        resume: `_id` from which on nothing is processed yet; None if that is not known by `_id`.
        failure: the error that ended it, which `stop` says nothing of; or None.
    """

    batches: tuple[BatchOutcome, ...] = ()
    passed: int = 0
    undated: int = 0
    resume: Any = None
    stop: PurgeStop = "completed"
    failure: Exception | None = None

    def after(self, batch: Batch, outcome: BatchOutcome) -> Purged:
        """Return what became of them with one more batch; one without expired documents leaves no outcome."""
        return replace(
            self,
            batches=(*self.batches, outcome) if batch.parts else self.batches,
            passed=self.passed + batch.passed,
            undated=self.undated + batch.undated,
            resume=self.resume if batch.resume is None else batch.resume,
        )


@dataclass(frozen=True, kw_only=True)
class BatchPipeline:
    """Deletes what is expired in one collection, batch after batch.

    Attributes:
        source: finds the batches.
        archive: where documents are copied before they are deleted; None for nowhere.
        workers: one prefetches, one deletes each part.
        is_gentle: whether the server gets one command at a time, and rests between batches; else the next batch is
            found while one is deleted.
    """

    documents: ExpiredDocuments
    source: BatchSource
    archive: Archive | None
    throttle: Throttle
    deadline: Deadline
    workers: ThreadPoolExecutor
    is_gentle: bool

    def run(self) -> Purged:
        """Return what was deleted and why it ended; errors are returned, not raised."""
        purged, coming = Purged(), self._prefetch(after=0)
        while coming is not None:
            found = _result(coming.result)
            if isinstance(found, Exception):
                return self._failed(purged, found, None)
            if found is None:
                return purged
            # What is archived is deleted, whatever the time: else it would be archived again.
            if found.archived_bytes is None and self.deadline.remaining() == 0:
                break
            batch = found.batch
            waits = self.is_gentle or batch.is_awaited
            coming = None if waits else self._prefetch(after=batch.documents)
            outcome = self._delete(found)
            if outcome.failure is not None:
                failed = replace(purged, batches=(*purged.batches, outcome))
                return self._failed(failed, outcome.failure, coming)
            purged = purged.after(batch, outcome)
            self._rest(found, outcome)
            coming = self._prefetch(after=0) if waits else coming
        return replace(purged, stop="deadline")

    def _rest(self, found: Prefetched, outcome: BatchOutcome) -> None:
        """Let the throttle learn from the batch, and the server rest."""
        retained = max(0, found.batch.passed - outcome.deleted)
        done = work(deleted=outcome.deleted, retained=retained)
        self.throttle.observe(done, found.seconds + outcome.seconds)
        time.sleep(min(self.throttle.rest(done), self.deadline.remaining()))

    def _failed(self, purged: Purged, failure: Exception, coming: Future[Prefetched | None] | None) -> Purged:
        """Return how it ended, once the prefetch is over: what that archived is reported, what it raised is ranked."""
        is_late = self.deadline.remaining() == 0
        found = None if coming is None else _result(coming.result)
        decisive = worst([failure, found] if isinstance(found, Exception) else [failure])
        if isinstance(found, Prefetched) and found.archived_bytes is not None:
            archived = BatchOutcome(0, 0.0, found.archived_documents, found.archived_bytes, decisive)
            purged = replace(purged, batches=(*purged.batches, archived))
        # A server that is slow beyond the deadline is out of time, not broken.
        if is_late and isinstance(decisive, TransientError):
            return replace(purged, stop="deadline")
        return replace(purged, failure=decisive)

    def _prefetch(self, *, after: int) -> Future[Prefetched | None] | None:
        """Begin to find and archive the next batch; None if there is no time to delete it too."""
        seconds = self.throttle.expected_seconds(after + self.throttle.size) * BATCH_MARGIN + self.throttle.pause
        if self.deadline.remaining() <= seconds:
            return None
        return self.workers.submit(self._find_and_archive, self.throttle.size)

    def _find_and_archive(self, size: int) -> Prefetched | None:
        began = time.monotonic()
        batch = self.source.next(size)
        seconds = time.monotonic() - began
        if batch is None or self.archive is None or not batch.parts:
            return None if batch is None else Prefetched(batch, seconds)
        archived = self.archive.write(self.documents.name, self.documents.read(batch))
        # Only what is archived is deleted.
        parts = parts_of(archived.ids if archived else [], len(batch.parts))
        return Prefetched(replace(batch, parts=parts), seconds, archived.bytes if archived else None)

    def _delete(self, prefetched: Prefetched) -> BatchOutcome:
        began = time.monotonic()
        parts = [self.workers.submit(self.documents.delete, part) for part in prefetched.batch.parts]
        results = [_result(part.result) for part in parts]
        outcome = BatchOutcome(
            deleted=sum(result for result in results if isinstance(result, int)),
            seconds=time.monotonic() - began,
            archived_documents=prefetched.archived_documents,
            archived_bytes=prefetched.archived_bytes,
            failure=worst([result for result in results if isinstance(result, Exception)]),
        )
        if parts and outcome.failure is None:
            logger.debug("batch deleted", collection=self.documents.name, documents=outcome.deleted)
        return outcome


def _result(call: Callable[[], T]) -> T | Exception:
    """Return what the call returned, or what it raised."""
    try:
        return call()
    except Exception as exc:  # noqa: BLE001 - returned
        return exc
