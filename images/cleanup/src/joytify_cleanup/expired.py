"""Gateway: the expired documents of one collection (MongoDB).

How they are found and deleted was measured (docs/benchmarks.md): consecutive ranges of `_id`, whose ends come from the
index alone, each deleted with the date condition and no ids sent, come nearest to one raw `delete_many`. `_id` grows
with the time of insertion, so this is the order of the file, whatever the dates are.

A part is deleted in a transaction, which writes it to the oplog at once: with an entry a document in between, one in a
hundred of the app's own writes waited 100 ms for the journal.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo.errors import ConfigurationError, OperationFailure

from joytify_cleanup.batches import Batch, Part
from joytify_cleanup.survey import BY_ID, Survey, count_if
from joytify_common.mongo import Document, attempts, bounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.cursor import Cursor

# Documents that are read at once for the archive.
BLOCK_DOCUMENTS = 1000


class ExpiredDocuments(Survey):
    """The expired documents of one collection: found, read and deleted."""

    def count_in(self, part: Part) -> tuple[int, int]:
        """Return how many documents of the part are expired, and how many have no date."""
        counts = {
            "expired": count_if(self.policy.is_expired(self.cutoff)),
            "undated": count_if(self.policy.is_undated()),
        }
        pipeline: list[Document] = [{"$match": part.query}, {"$group": {"_id": None, **counts}}]
        found = self.retried(lambda: next(self.collection.aggregate(pipeline, hint=BY_ID), {}))
        return int(found.get("expired", 0)), int(found.get("undated", 0))

    def expired_ids(self, index: str, limit: int) -> list[Any]:
        """Return `_id` of expired documents as an index on the date finds them, at most this many."""

        def find() -> list[Any]:
            found = self.collection.find(self.expired, {"_id": 1}, hint=index, limit=limit)
            return [document["_id"] for document in found]

        return self.retried(find)

    def next_range(self, start: Any, stop: Any, size: int) -> tuple[Part, Any]:  # noqa: ANN401 - an _id may be of any type
        """Return the next documents in the order of `_id`, and the `_id` behind them; only the index is read.

        Args:
            start: the first `_id`, of any type.
            stop: the `_id` behind the last.
            size: most documents.
        """
        return self.retried(partial(self._range, start, stop, size))

    def _range(self, start: Any, stop: Any, size: int) -> tuple[Part, Any]:  # noqa: ANN401 - an _id may be of any type
        if not isinstance(start, ObjectId):
            start = next((document["_id"] for document in self.walk(start, stop).limit(1)), stop)
        behind = [document["_id"] for document in self.walk(start, stop).skip(size).limit(1)] if start != stop else []
        end = behind[0] if behind else stop
        if isinstance(start, ObjectId) and isinstance(end, ObjectId):
            query: Document = {"_id": {"$gte": start, "$lt": end}}
            return Part(query, size if behind else self.collection.count_documents(query, hint=BY_ID)), end
        # A range in a filter holds one type only.
        ids = [document["_id"] for document in self.walk(start, end)] if start != end else []
        return Part({"_id": {"$in": ids}}, len(ids)), end

    def read(self, batch: Batch) -> Iterator[Document]:
        """Yield the batch's expired documents as they are now, whole."""
        for part in batch.parts:
            cursor = self.collection.find({**part.query, **self.expired}, hint=BY_ID)
            # The time limit must not hold while the caller works on what is yielded.
            while block := self._next_block(cursor):
                yield from block

    def _next_block(self, cursor: Cursor[Document]) -> list[Document]:
        with bounded(self.deadline):
            return list(islice(cursor, BLOCK_DOCUMENTS))

    def delete(self, part: Part) -> int:
        """Delete those of the part that are (still) expired; return how many were deleted."""
        for attempt in attempts(self.deadline):
            with attempt, bounded(self.deadline):
                deleted = self._delete_at_once({**part.query, **self.expired})
                if attempt.num > 1:
                    # An attempt that broke off may have deleted some.
                    deleted = max(deleted, part.documents - self.collection.count_documents(part.query, hint=BY_ID))
        return deleted

    def _delete_at_once(self, query: Document) -> int:
        try:
            with self.collection.database.client.start_session() as session, session.start_transaction():
                return self.collection.delete_many(query, session=session, hint=BY_ID).deleted_count
        except (OperationFailure, ConfigurationError) as exc:
            if exc.timeout:
                raise
            # The server is no replica set, another write got in between, or its limit for a transaction was reached. Or
            # the driver connected while the node changed its state, and takes that connection for one without sessions.
            return self.collection.delete_many(query, hint=BY_ID).deleted_count
