"""Gateway: the expired documents of one collection are archived and deleted (MongoDB).

How they are found and deleted was measured (docs/benchmarks.md): consecutive spans of `_id`, whose ends come from the
index alone, each deleted with the expired condition and no ids sent, come nearest to one raw `delete_many`. `_id` grows
with the time of insertion, so this is the order of the file, whatever the dates are.

A batch is archived and deleted in one transaction. So what is deleted is what was archived: a document that somebody
changes in between makes the transaction fail, and the batch is read again. A transaction also writes its deletions to
the oplog together: with an entry a document, one in a hundred of the app's own writes waited 100 ms for the journal.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from pymongo import ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from joytify_cleanup.archive import Archive, Copy
from joytify_cleanup.collection import BY_ID, PORTION_DOCUMENTS, Batch, ExaminedCollection
from joytify_cleanup.retention import Document
from joytify_cleanup.work import NOTHING, Counts
from joytify_common.errors import PermanentError, TransientError
from joytify_common.messages import ArchiveFigures
from joytify_common.mongo import attempts, bounded, within
from joytify_common.mongo_refusals import is_transient

# IllegalOperation, which a single server answers, and OperationNotSupportedInTransaction.
NO_TRANSACTIONS = {20, 263}
NO_ARCHIVE = "CLEANUP_ARCHIVE_BUCKET: an archive needs transactions: MongoDB must be a replica set or sharded"
# A last look at what was not confirmed.
LOOK_SECONDS = 0.5
# What one transaction copies to the archive.
ARCHIVE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class BatchOutcome:
    """What was done with a batch.

    Attributes:
        seconds: duration of the last attempt, without the waits before it.
        failure: the error that ended it; None if it is done.
    """

    counts: Counts = NOTHING
    seconds: float = 0.0
    archive: ArchiveFigures | None = None
    failure: Exception | None = None


@dataclass
class _Deletion:
    """What the attempts at one batch did; whether `unconfirmed` documents, which `query` finds, are gone is unknown."""

    query: Document
    deleted: int = 0
    archive: ArchiveFigures | None = None
    unconfirmed: int = 0
    seconds: float = 0.0
    failure: Exception | None = None


class ExpiredDocuments(ExaminedCollection):
    """The documents of one collection that have expired at one cutoff."""

    def purge(self, batch: Batch, archive: Archive | None) -> BatchOutcome:
        """Archive and delete the documents of a batch that are expired; errors of the deletion are returned.

        In a sweep, the documents that are left alone are counted first, and a batch without expired ones ends there.
        """
        counts, began = Counts(), time.monotonic()
        if batch.span is not None and batch.span.counts_undated:
            expired, counts = self.counted(batch.selection)
        else:
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
            for attempt in attempts(self.deadline):
                with attempt, bounded(self.deadline):
                    began = time.monotonic()
                    self._resolve(deletion)
                    self._attempt(query, archive, deletion)
                    deletion.seconds = time.monotonic() - began
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            deletion.failure = exc
            with suppress(PyMongoError), within(LOOK_SECONDS):
                self._resolve(deletion)
            if deletion.unconfirmed:
                text = f"{exc}; whether the last {deletion.unconfirmed:,} documents of {self.name} are gone is unknown"
                deletion.failure = TransientError(text)
        return deletion

    def _resolve(self, deletion: _Deletion) -> None:
        """Count what an attempt deleted that was not confirmed: what is not there any more."""
        if deletion.unconfirmed:
            left = self.collection.count_documents(deletion.query, hint=BY_ID)
            # As long as all are there, the server may be about to commit.
            if (gone := deletion.unconfirmed - left) > 0:
                deletion.deleted, deletion.unconfirmed = deletion.deleted + gone, 0

    def _attempt(self, query: Document, archive: Archive | None, deletion: _Deletion) -> None:
        try:
            while self._transact(query, archive, deletion):
                """What one transaction archives is limited; the next one goes on."""
        except (OperationFailure, ConfigurationError) as exc:
            if is_transient(exc):
                raise
            if archive is not None:
                if isinstance(exc, OperationFailure) and exc.code not in NO_TRANSACTIONS:
                    raise
                raise PermanentError(NO_ARCHIVE) from exc
            # The server is no replica set, or its limit for a transaction was reached. Or the driver connected while
            # the node changed its state, and takes that connection for one without sessions.
            self._resolve(deletion)
            deletion.query, deletion.unconfirmed = query, self.collection.count_documents(query, hint=BY_ID)
            deletion.deleted += self.collection.delete_many(query, hint=BY_ID).deleted_count
            deletion.unconfirmed = 0

    def _transact(self, query: Document, archive: Archive | None, deletion: _Deletion) -> bool:
        """Delete what one transaction can take; return whether more may be left."""
        is_all, copied = True, None
        with self.collection.database.client.start_session() as session:
            with session.start_transaction(ReadConcern("snapshot"), read_preference=ReadPreference.PRIMARY):
                if archive is not None:
                    query, copied, is_all = self._copy(query, archive, session)
                    deletion.archive = copied.added_to(deletion.archive)
                deleted = self.collection.delete_many(query, session=session, hint=BY_ID).deleted_count
                if copied is not None and deleted != copied.documents:
                    raise TransientError(f"{self.name}: {deleted} documents would be deleted, and others archived")
                # From here on the server may commit and its answer be lost.
                deletion.query, deletion.unconfirmed = query, deleted
            deletion.unconfirmed = 0
            deletion.deleted += deleted
        return not is_all

    def _copy(self, query: Document, archive: Archive, session: ClientSession) -> tuple[Document, ArchiveFigures, bool]:
        """Write the first documents to the archive; return their filter, what was written, and whether that is all."""
        copy, order = Copy(), {"hint": BY_ID, "sort": [("_id", 1)], "session": session}
        for raw in self.collection.find_raw_batches(query, **order, batch_size=PORTION_DOCUMENTS):
            copy.add(cast("bytes", raw))
            if copy.bytes >= ARCHIVE_BYTES:
                break
        else:
            nothing = ArchiveFigures(objects=0, documents=0, bytes=0)
            return query, archive.write(self.name, copy) if copy.documents else nothing, True
        behind = next(self.collection.find(query, {"_id": 1}, **order, skip=copy.documents, limit=1), None)
        if behind is not None:
            query = {"$and": [query, {"$expr": {"$lt": ["$_id", {"$literal": behind["_id"]}]}}]}
        return query, archive.write(self.name, copy), behind is None
