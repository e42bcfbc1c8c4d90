"""Gateway: the documents of one collection that a policy speaks of (MongoDB).

How they are found was measured (docs/benchmarks.md): consecutive ranges of `_id`, each deleted with the date condition
and no ids sent, come nearest to one raw `delete_many`. `_id` grows with the time of insertion, so this is the order of
the file, whatever the dates are. An index on the date is used only to find few documents in many, and these too are
deleted in the order of `_id`: the index's own order would scatter the deletions over the file.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import stamina
from bson import MinKey
from pymongo.errors import ExecutionTimeout

from joytify_common.errors import TransientError
from joytify_common.mongo import Document, mongo_errors, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pymongo.database import Database

    from joytify_cleanup.retention import Policy
    from joytify_common.deadline import Deadline

ATTEMPTS = 12
# An election of a new primary takes about 12 s: https://www.mongodb.com/docs/manual/replication/#automatic-failover
RETRY_SECONDS = 45
# The deadline leaves Lambda a reserve; a call may use this much of it.
GRACE_SECONDS = 4.0
# The ids of this many documents are held in memory at most (about 20 MB), and only where they are few.
FEW_DOCUMENTS = 200_000
FEW_SHARE = 0.25


@dataclass(frozen=True)
class Batch:
    """Expired documents that are deleted together.

    Attributes:
        query: the filter that finds them, without the date condition.
        documents: how many they are.
        last: whether the next batch is to be looked for only after this one is deleted.
    """

    query: Document
    documents: int
    last: bool = False


class Records:
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
        """Return whether more than this share of the collection is expired, or it could not be found out in time.

        Args:
            percent: the share.
            at_least: a collection of fewer documents never exceeds it.
            seconds: most time for the server.
        """
        with self._bounded():
            total = self._collection.estimated_document_count()
        spared = ceil(total * (100 - percent) / 100)
        if total < at_least or spared == 0:
            return False
        # What is retained is newest and stands at the end; only as many as decide are counted.
        found = self._count({"$nor": [self._expired]}, seconds, limit=spared, hint=[("$natural", -1)])
        return found is None or found < spared

    def count_expired(self, seconds: float) -> int | None:
        """Return how many documents are expired, None where the server could not count them in that time."""
        return self._count(self._expired, seconds)

    def count_undated(self, seconds: float) -> int | None:
        """Return how many documents have no date, None where the server could not count them in that time."""
        return self._count(self._policy.undated(), seconds)

    def average_bytes(self) -> float:
        """Return the average size of a document, in bytes."""
        with self._bounded():
            stats = self._collection.database.command("collStats", self.name)
        return float(stats.get("avgObjSize", 0))

    def batches(self) -> BatchSource:
        """Return where the expired documents are found: by the index on the date where they are few, else by ranges."""
        with self._bounded():
            indexes = self._collection.index_information().items()
            total = self._collection.estimated_document_count()
        name = next((name for name, index in indexes if index["key"][0] == (self._policy.date_field, 1)), None)
        few = int(min(FEW_DOCUMENTS, total * FEW_SHARE))
        if name is not None and few:
            with self._bounded():
                found = self._collection.find(self._expired, {"_id": 1}, hint=name, limit=few + 1)
                ids = [document["_id"] for document in found]
            if len(ids) <= few and all(isinstance(i, type(ids[0])) for i in ids):
                return FewIds(self, sorted(ids))
        return IdRanges(self)

    def boundary(self, after: Any, size: int) -> Batch:  # noqa: ANN401 - an _id may be of any type
        """Return the next `size` expired documents in the order of `_id`."""
        rest = {"_id": {"$gt": after}, **self._expired}
        for attempt in self._attempts():
            with attempt, self._bounded():
                found = self._collection.find(rest, {"_id": 1}, hint="_id_", sort=[("_id", 1)], skip=size - 1, limit=1)
                if (upto := next(found, None)) is not None:
                    return Batch({"_id": {"$gt": after, "$lte": upto["_id"]}}, documents=size)
                return Batch({"_id": {"$gt": after}}, self._collection.count_documents(rest, hint="_id_"), last=True)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def leftover(self, size: int) -> Batch | None:
        """Return expired documents that the first pass did not meet, None where there are none.

        A range of `_id` holds ids of one type only, and documents may have come in behind the pass.
        """
        with self._bounded():
            ids = [document["_id"] for document in self._collection.find(self._expired, {"_id": 1}, limit=size)]
        return _by_ids(ids, last=True) if ids else None

    def read(self, batch: Batch) -> Iterator[Document]:
        """Yield the batch's documents as they are now, whole."""
        with self._bounded():
            yield from self._collection.find({**batch.query, **self._expired})

    def delete(self, batch: Batch) -> int:
        """Delete those of the batch that are (still) expired; return how many were deleted.

        A call that broke off may have deleted some before; the whole batch is counted then, since all of it is gone.
        """
        for attempt in self._attempts():
            with attempt, self._bounded():
                deleted = self._collection.delete_many({**batch.query, **self._expired}).deleted_count
        return deleted if attempt.num == 1 else batch.documents

    def _attempts(self) -> Iterator[stamina.Attempt]:
        seconds = min(RETRY_SECONDS, self._deadline.remaining() + GRACE_SECONDS)
        return iter(stamina.retry_context(on=TransientError, attempts=ATTEMPTS, timeout=seconds))

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        with mongo_errors(), within(self._deadline.remaining() + GRACE_SECONDS):
            yield

    def _count(self, query: Document, seconds: float, **options: Any) -> int | None:  # noqa: ANN401 - the driver's
        with self._bounded():
            try:
                limit = max(1, round(seconds * 1000))
                return self._collection.count_documents(query, maxTimeMS=limit, **options)
            except ExecutionTimeout:
                return None


class IdRanges:
    """All expired documents, as consecutive ranges of `_id`, then whatever these did not meet."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._after: Any = MinKey()
        self._ended = False

    def next(self, size: int) -> Batch | None:
        """Return the next batch, None when nothing expired is left."""
        if not self._ended:
            batch = self._records.boundary(self._after, size)
            self._ended, self._after = batch.last, batch.query["_id"].get("$lte")
            if batch.documents:
                return batch
        return self._records.leftover(size)


class FewIds:
    """Few expired documents, by their ids, then whatever these did not meet."""

    def __init__(self, records: Records, ids: Sequence[Any]) -> None:
        self._records = records
        self._ids = ids

    def next(self, size: int) -> Batch | None:
        """Return the next batch, None when nothing expired is left."""
        taken, self._ids = self._ids[:size], self._ids[size:]
        return _by_ids(taken, last=not self._ids) if taken else self._records.leftover(size)


BatchSource = IdRanges | FewIds


def _by_ids(ids: Sequence[Any], *, last: bool) -> Batch:
    return Batch({"_id": {"$in": list(ids)}}, documents=len(ids), last=last)
