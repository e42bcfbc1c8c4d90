"""Gateway: the expired documents of one collection (MongoDB).

How they are found was measured (docs/benchmarks.md): consecutive ranges of `_id`, each deleted with the date condition
and no ids sent, come nearest to one raw `delete_many`. `_id` grows with the time of insertion, so this is the order of
the file, whatever the dates are. An index on the date is used only to find few documents in many, and these too are
deleted in the order of `_id`: the index's own order would scatter the deletions over the file.

A batch is deleted in a transaction, which writes it to the oplog at once: with an entry a document in between, one in a
hundred of the app's own writes waited 100 ms for the journal.
"""

from __future__ import annotations

from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any

from bson import MinKey
from loguru import logger
from pymongo.errors import ExecutionTimeout, OperationFailure

from joytify_cleanup.batches import PARTS, Batch, Part, batch_of
from joytify_common.errors import TransientError
from joytify_common.mongo import Document, attempts, bounded, mongo_errors, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pymongo.cursor import Cursor
    from pymongo.database import Database

    from joytify_cleanup.retention import Policy
    from joytify_common.deadline import Deadline

# The ids of this many documents are held in memory at most (about 20 MB), and only where they are few.
FEW_DOCUMENTS = 200_000
FEW_SHARE = 0.25
# Documents that are read at once for the archive.
BLOCK_DOCUMENTS = 1000
# The client waits this much longer than the server may count.
NETWORK_SECONDS = 0.5


class ExpiredDocuments:
    """One collection under its policy, at one cutoff; no call outlives the deadline."""

    def __init__(self, database: Database[Document], policy: Policy, cutoff: datetime, deadline: Deadline) -> None:
        self._collection = database[policy.collection]
        self._policy = policy
        self._expired = policy.expired(cutoff)
        self._deadline = deadline

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self._policy.collection

    def exceeds(self, percent: float, at_least: int, seconds: float) -> bool:
        """Return whether more than this share of the collection is expired, or it is unknown in that time.

        Args:
            percent: the share.
            at_least: a collection of fewer documents never exceeds it.
            seconds: most time for the server.
        """
        with bounded(self._deadline):
            total = self._collection.estimated_document_count()
        spared = ceil(total * (100 - percent) / 100)
        if total < at_least or spared == 0:
            return False
        # What is retained is newest and comes last; only as many as decide are counted.
        found = self._count({"$nor": [self._expired]}, seconds, limit=spared, hint=[("$natural", -1)])
        return found is None or found < spared

    def count_expired(self, seconds: float) -> int | None:
        """Return how many documents are expired, or None if that takes longer."""
        return self._figure(self._expired, seconds)

    def count_undated(self, seconds: float) -> int | None:
        """Return how many documents have no date, or None if that takes longer."""
        return self._figure(self._policy.undated(), seconds)

    def average_bytes(self) -> float:
        """Return the average size of a document, in bytes."""
        with bounded(self._deadline):
            stats = self._collection.database.command("collStats", self.name)
        return float(stats.get("avgObjSize", 0))

    def batches(self) -> BatchSource:
        """Return where the expired documents are found: by the index on the date if they are few, else by ranges."""
        with bounded(self._deadline):
            indexes = self._collection.index_information().items()
            total = self._collection.estimated_document_count()
        name = next((name for name, index in indexes if index["key"][0] == (self._policy.date_field, 1)), None)
        few = int(min(FEW_DOCUMENTS, total * FEW_SHARE))
        if name is not None and few:
            with bounded(self._deadline):
                found = self._collection.find(self._expired, {"_id": 1}, hint=name, limit=few + 1)
                ids = [document["_id"] for document in found]
            if len(ids) <= few and all(isinstance(i, type(ids[0])) for i in ids):
                return FewIds(self, sorted(ids))
        return IdRanges(self)

    def next_range(self, after: Any, size: int) -> tuple[Any, int]:  # noqa: ANN401 - an _id may be of any type
        """Return the last `_id` of the next `size` expired documents in the order of `_id`, and how many there are."""
        pipeline: list[Document] = [
            {"$match": {"_id": {"$gt": after}, **self._expired}},
            {"$sort": {"_id": 1}},
            {"$limit": size},
            {"$group": {"_id": None, "documents": {"$sum": 1}, "last": {"$last": "$_id"}}},
        ]
        for attempt in attempts(self._deadline):
            with attempt, bounded(self._deadline):
                found = next(self._collection.aggregate(pipeline, hint="_id_"), None)
                return (found["last"], int(found["documents"])) if found else (after, 0)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def stragglers(self, size: int) -> Batch | None:
        """Return expired documents that the first pass did not meet, or None if there are none.

        A range of `_id` holds ids of one type only, and documents may have come in behind the pass.
        """
        with bounded(self._deadline):
            ids = [document["_id"] for document in self._collection.find(self._expired, {"_id": 1}, limit=size)]
        return batch_of(ids, last=True) if ids else None

    def read(self, batch: Batch) -> Iterator[Document]:
        """Yield the batch's documents as they are now, whole."""
        for part in batch.parts:
            cursor = self._collection.find({**part.query, **self._expired})
            # The time limit must not hold while the caller works on what is yielded.
            while block := self._next_block(cursor):
                yield from block

    def _next_block(self, cursor: Cursor[Document]) -> list[Document]:
        with bounded(self._deadline):
            return list(islice(cursor, BLOCK_DOCUMENTS))

    def delete(self, part: Part) -> int:
        """Delete those of the part that are (still) expired; return how many were deleted.

        A call that broke off may have deleted some before; the whole part is counted then, since all of it is gone.
        """
        for attempt in attempts(self._deadline):
            with attempt, bounded(self._deadline):
                deleted = self._delete_at_once({**part.query, **self._expired})
        return deleted if attempt.num == 1 else part.documents

    def _delete_at_once(self, query: Document) -> int:
        try:
            with self._collection.database.client.start_session() as session, session.start_transaction():
                return self._collection.delete_many(query, session=session).deleted_count
        except OperationFailure as exc:
            if exc.timeout:
                raise
            # The server is no replica set, another write got in between, or its limit for a transaction was reached.
            return self._collection.delete_many(query).deleted_count

    def _figure(self, query: Document, seconds: float) -> int | None:
        """Return a best-effort count; None if it fails."""
        try:
            return self._count(query, seconds)
        except TransientError as exc:
            logger.warning("documents could not be counted", collection=self.name, error=str(exc))
            return None

    def _count(self, query: Document, seconds: float, **options: Any) -> int | None:  # noqa: ANN401 - the driver's
        with mongo_errors(), within(seconds + NETWORK_SECONDS):
            try:
                limit = max(1, round(seconds * 1000))
                return self._collection.count_documents(query, maxTimeMS=limit, **options)
            except ExecutionTimeout:
                return None


class IdRanges:
    """All expired documents, as consecutive ranges of `_id`, then whatever these did not meet."""

    def __init__(self, documents: ExpiredDocuments) -> None:
        self._documents = documents
        self._after: Any = MinKey()
        self._ended = False

    def next(self, size: int) -> Batch | None:
        """Return the next batch, or None if nothing expired is left."""
        if self._ended:
            return self._documents.stragglers(size)
        parts: list[Part] = []
        # Rounded down: a batch has at most `size` documents.
        share = max(1, size // PARTS)
        while not self._ended and len(parts) < min(PARTS, size):
            upto, found = self._documents.next_range(self._after, share)
            self._ended = found < share
            if found:
                parts.append(Part({"_id": {"$gt": self._after, "$lte": upto}}, found))
            self._after = upto
        # Even an empty one: stragglers are looked for when the batch before is gone.
        return Batch(parts, last=self._ended)


class FewIds:
    """Few expired documents, by their ids, then whatever these did not meet."""

    def __init__(self, documents: ExpiredDocuments, ids: Sequence[Any]) -> None:
        self._documents = documents
        self._ids = ids

    def next(self, size: int) -> Batch | None:
        """Return the next batch, or None if nothing expired is left."""
        taken, self._ids = self._ids[:size], self._ids[size:]
        return batch_of(taken, last=not self._ids) if taken else self._documents.stragglers(size)


BatchSource = IdRanges | FewIds
