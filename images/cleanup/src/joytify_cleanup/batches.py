"""Gateway: archive and delete the expired documents of one collection (MongoDB).

Documents are deleted in consecutive spans of `_id`. The ends of a span are read from the index alone. One delete
command with the filter for expired documents then removes the expired documents in the span, so no ids are sent; only
the documents that a date index finds are deleted by id. If documents are stored in the order of their ids, this
method without pauses takes about as long as a single `delete_many`, or less (docs/benchmarks.md). `_id` grows with the
time of insertion, so a span is contiguous on disk, whatever its documents' dates are.

Documents are archived and deleted in the same transaction (a large batch in several), so exactly the archived
documents are deleted: if a document changes in between, the transaction fails and its documents are read again. A
transaction also writes its deletions to the oplog together. Without a transaction, each document has its own oplog
entry; in a benchmark of that case, 1 % of the app's writes waited 100 ms for the journal.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from joytify_cleanup.archive import Archive, Copy
from joytify_cleanup.collection import BY_ID, PORTION_DOCUMENTS, Batch, ExaminedCollection
from joytify_cleanup.work import Counts, added
from joytify_common.errors import PermanentError, TransientError
from joytify_common.messages import ArchiveFigures
from joytify_common.mongo import Document, retry, within
from joytify_common.mongo_errors import is_transient

# IllegalOperation, which a standalone server returns, and OperationNotSupportedInTransaction.
NO_TRANSACTIONS = {20, 263}
NO_ARCHIVE = "CLEANUP_ARCHIVE_BUCKET: archiving needs transactions; MongoDB must be a replica set or a sharded cluster"
# Time limit of the last check for deletions that were not confirmed.
LOOK_SECONDS = 0.5
# A transaction stops copying documents to the archive once their total size exceeds this.
ARCHIVE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class BatchOutcome:
    """The result of one batch.

    Attributes:
        seconds: duration of the successful delete attempt (0 if none succeeded), without the waits before it,
            plus the duration of a sweep's count.
        failure: the error that ended the batch; None if the batch is done.
    """

    counts: Counts = field(default=Counts())
    seconds: float = 0.0
    archive: ArchiveFigures | None = None
    failure: Exception | None = None


@dataclass
class _Deletion:
    """The state of one batch after some attempts.

    Attributes:
        query: filter for the documents of the latest attempt.
        unconfirmed: number of documents matching `query` that may or may not have been deleted.
    """

    query: Document
    deleted: int = 0
    archive: ArchiveFigures | None = None
    unconfirmed: int = 0
    seconds: float = 0.0
    failure: Exception | None = None


class ExpiredDocuments(ExaminedCollection):
    """The expired documents of one collection, for a given cutoff."""

    def purge(self, batch: Batch, archive: Archive | None) -> BatchOutcome:
        """Archive and delete the expired documents of a batch; errors of the deletion are returned.

        A sweep first counts the expired, undated and unrecognized documents; if none are expired, no delete command is
        sent.
        """
        counts, began = Counts(), time.monotonic()
        if batch.span is not None and batch.span.counts_undated:
            expired, counts = self.counted(batch.selection)
        else:
            # All of them may have expired; the deletion selects those that have.
            expired = batch.documents
        read = time.monotonic() - began
        if expired == 0:
            return BatchOutcome(counts, read)
        deletion = self._delete({"$and": [batch.selection, self.expired]}, archive)
        counts, seconds = counts.plus(Counts(deleted=deletion.deleted)), read + deletion.seconds
        return BatchOutcome(counts, seconds, deletion.archive, deletion.failure)

    def _delete(self, query: Document, archive: Archive | None) -> _Deletion:
        deletion = _Deletion(query)
        try:
            retry(self.deadline, lambda: self._attempt(query, archive, deletion))
        except Exception as exc:  # noqa: BLE001 - returned with the work done before
            deletion.failure = exc
            with suppress(PyMongoError), within(LOOK_SECONDS):
                self._resolve(deletion)
            if deletion.unconfirmed:
                documents = f"{deletion.unconfirmed:,} documents of the last batch in {self.name}"
                text = f"{exc}; it is unknown whether {documents} were deleted"
                deletion.failure = TransientError(text)
        return deletion

    def _resolve(self, deletion: _Deletion) -> None:
        """Count documents of an unconfirmed attempt as deleted if they no longer exist."""
        if deletion.unconfirmed:
            left = self.collection.count_documents(deletion.query, hint=BY_ID)
            # While all of them still exist, the server may still commit the deletion.
            if (gone := deletion.unconfirmed - left) > 0:
                deletion.deleted, deletion.unconfirmed = deletion.deleted + gone, 0

    def _attempt(self, query: Document, archive: Archive | None, deletion: _Deletion) -> None:
        began = time.monotonic()
        self._resolve(deletion)
        try:
            while self._transact(query, archive, deletion):
                """Continue with the next transaction: each archives a limited number of bytes."""
        except (OperationFailure, ConfigurationError) as exc:
            if is_transient(exc):
                raise
            if archive is not None:
                if isinstance(exc, OperationFailure) and exc.code not in NO_TRANSACTIONS:
                    raise
                raise PermanentError(NO_ARCHIVE) from exc
            # Delete without a transaction. The server is not a replica set, a transaction limit was
            # reached, or the driver connected while the node changed state and believes that the
            # server does not support sessions.
            self._resolve(deletion)
            deletion.query, deletion.unconfirmed = query, self.collection.count_documents(query, hint=BY_ID)
            deletion.deleted += self.collection.delete_many(query, hint=BY_ID).deleted_count
            deletion.unconfirmed = 0
        deletion.seconds = time.monotonic() - began

    def _transact(self, query: Document, archive: Archive | None, deletion: _Deletion) -> bool:
        """Delete expired documents in one transaction; return whether more may be left."""
        is_all, copied = True, None
        with self.collection.database.client.start_session() as session:
            with session.start_transaction(ReadConcern("snapshot"), read_preference=ReadPreference.PRIMARY):
                if archive is not None:
                    query, copied, is_all = self._copy(query, archive, session)
                    deletion.archive = added(deletion.archive, copied)
                deleted = self.collection.delete_many(query, session=session, hint=BY_ID).deleted_count
                if copied is not None and deleted != copied.documents:
                    counts = f"{deleted} documents would be deleted, but {copied.documents} were archived"
                    raise TransientError(f"{self.name}: {counts}")
                # From here on, the server may commit even if its response is lost.
                deletion.query, deletion.unconfirmed = query, deleted
            deletion.unconfirmed = 0
            deletion.deleted += deleted
        return not is_all

    def _copy(self, query: Document, archive: Archive, session: ClientSession) -> tuple[Document, ArchiveFigures, bool]:
        """Archive the first documents; return their filter, the figures, and whether that was all."""
        copy, order = Copy(), {"hint": BY_ID, "sort": [("_id", 1)], "session": session}
        for raw in self.collection.find_raw_batches(query, **order, batch_size=PORTION_DOCUMENTS):
            copy.add(cast("bytes", raw))
            if copy.bytes >= ARCHIVE_BYTES:
                break
        else:
            nothing = ArchiveFigures(objects=0, documents=0, bytes=0)
            return query, archive.write(self.name, copy) if copy.documents else nothing, True
        following = next(self.collection.find(query, {"_id": 1}, **order, skip=copy.documents, limit=1), None)
        if following is not None:
            query = {"$and": [query, {"$expr": {"$lt": ["$_id", {"$literal": following["_id"]}]}}]}
        return query, archive.write(self.name, copy), following is None
