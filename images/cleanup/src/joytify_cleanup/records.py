"""Gateway: the documents of one collection that a policy speaks of (MongoDB)."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from pymongo.errors import ExecutionTimeout

from joytify_common.mongo import Document, mongo_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pymongo.database import Database

    from joytify_cleanup.retention import Policy


class Records:
    """One collection under its policy, at one cutoff."""

    def __init__(self, database: Database[Document], policy: Policy, cutoff: datetime) -> None:
        self._collection = database[policy.collection]
        self._policy = policy
        self._expired = policy.expired(cutoff)

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self._policy.collection

    def total(self) -> int:
        """Return how many documents there are, from the collection's metadata."""
        with mongo_errors():
            return self._collection.estimated_document_count()

    def count_expired(self, seconds: float) -> int | None:
        """Return how many documents are expired, None where the server could not count them in that time."""
        return self._count(self._expired, seconds)

    def count_undated(self, seconds: float) -> int | None:
        """Return how many documents have no date, None where the server could not count them in that time."""
        return self._count(self._policy.undated(), seconds)

    @contextmanager
    def batches(self, size: int) -> Iterator[Iterator[list[Any]]]:
        """Open the one pass over the expired documents, in natural order: batches of their ids.

        Natural order reads and deletes neighbours together; an order by date or id may scatter over the file.
        """
        with mongo_errors(), self._collection.find(self._expired, {"_id": 1}, batch_size=size) as cursor:
            yield iter(lambda: [document["_id"] for document in islice(cursor, size)], [])

    def delete(self, ids: list[Any]) -> int:
        """Delete those of the documents that are (still) expired; return how many were deleted."""
        with mongo_errors():
            return self._collection.delete_many({"_id": {"$in": ids}, **self._expired}).deleted_count

    def _count(self, query: Document, seconds: float) -> int | None:
        with mongo_errors():
            try:
                return self._collection.count_documents(query, maxTimeMS=max(1, round(seconds * 1000)))
            except ExecutionTimeout:
                return None
