"""Gateway: the expired documents of one collection (MongoDB).

How they are found and deleted was measured (docs/benchmarks.md): consecutive ranges of `_id`, whose ends come from the
index alone, each deleted with the date condition and no ids sent, come nearest to one raw `delete_many`. `_id` grows
with the time of insertion, so this is the order of the file, whatever the dates are.

A part is deleted in a transaction, which writes it to the oplog at once: with an entry a document in between, one in a
hundred of the app's own writes waited 100 ms for the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any

from bson import MaxKey, MinKey, ObjectId
from loguru import logger
from pymongo.errors import ExecutionTimeout, OperationFailure

from joytify_cleanup.batches import Batch, Part
from joytify_common.errors import TransientError
from joytify_common.mongo import Document, attempts, bounded, mongo_errors, within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pymongo.cursor import Cursor
    from pymongo.database import Database

    from joytify_cleanup.retention import Policy
    from joytify_common.deadline import Deadline

BY_ID = "_id_"
NO_DATE_IS_BEFORE = datetime.min.replace(tzinfo=UTC)
BAD_VALUE = 2
OBJECT_IDS = (ObjectId("0" * 24), ObjectId("f" * 24))
# Clocks of those who make ids may be ahead of those who write dates by this much.
CLOCK_MARGIN = timedelta(hours=2)
SAMPLE_DOCUMENTS = 1000
# From a smaller collection the server does not pick them at random but reads all:
# https://www.mongodb.com/docs/manual/reference/operator/aggregation/sample/
SAMPLED_FROM_DOCUMENTS = 20 * SAMPLE_DOCUMENTS
# A sample of 1,000 is off by a tenth of the collection once in hundreds of millions (Hoeffding's inequality).
SAMPLE_ERROR = 0.1
# Documents that are read at once for the archive.
BLOCK_DOCUMENTS = 1000
# The client waits this much longer than the server may count.
NETWORK_SECONDS = 0.5


@dataclass(frozen=True)
class Sample:
    """What a random sample of a collection holds, in numbers of documents.

    Attributes:
        documents: its size.
        retained: those that have not expired.
        misplaced: those that have expired, though their `_id` says that they were made after the cutoff or nothing.
    """

    documents: int
    retained: int
    misplaced: int


class ExpiredDocuments:
    """One collection under its policy, at one cutoff; no call outlives the deadline.

    Attributes:
        bound: documents that expire by their `_id` are below it.
    """

    def __init__(self, database: Database[Document], policy: Policy, cutoff: datetime, deadline: Deadline) -> None:
        self._collection = database[policy.collection]
        self._policy = policy
        self._cutoff = cutoff
        self._expired = policy.expired(cutoff)
        self._deadline = deadline
        self.bound = ObjectId.from_datetime(cutoff + CLOCK_MARGIN)

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self._policy.collection

    def total(self) -> int:
        """Return how many documents there are, as the server estimates it."""
        with bounded(self._deadline):
            return self._collection.estimated_document_count()

    def date_index(self) -> str | None:
        """Return the name of an index that finds all documents by their date, or None if there is none."""
        field = self._policy.date_field
        with bounded(self._deadline):
            indexes = self._collection.index_information()
            return next(
                (
                    name
                    for name, index in indexes.items()
                    if index["key"][0] in {(field, 1), (field, -1)}
                    and "partialFilterExpression" not in index
                    and self._answers(name)
                ),
                None,
            )

    def _answers(self, index: str) -> bool:
        """Return whether the index can be used: one that is hidden or being built cannot."""
        try:
            self._collection.find_one({self._policy.date_field: {"$lt": NO_DATE_IS_BEFORE}}, hint=index)
        except OperationFailure as exc:
            if exc.code != BAD_VALUE:
                raise
            return False
        return True

    def other_ids(self, limit: int) -> list[Any]:
        """Return `_id` of documents whose `_id` is no ObjectId: at most so many that sort before, and after."""
        first, last = OBJECT_IDS
        with bounded(self._deadline):
            return [
                document["_id"]
                for start, stop in ((MinKey(), first), (last, MaxKey()))
                for document in self._walk(start, stop).limit(limit)
            ]

    def any_expired(self, ids: Sequence[Any]) -> bool:
        """Return whether one of the documents with these ids has expired."""
        with bounded(self._deadline):
            return self._collection.find_one({"_id": {"$in": list(ids)}, **self._expired}, {"_id": 1}) is not None

    @cached_property
    def sample(self) -> Sample:
        """A random sample, whose cost does not grow with the collection."""
        expired = self._policy.is_expired(self._cutoff)
        placed = {"$and": [{"$eq": [{"$type": "$_id"}, "objectId"]}, {"$lt": ["$_id", self.bound]}]}
        counts = {
            "documents": {"$sum": 1},
            "retained": _count_if({"$not": [expired]}),
            "misplaced": _count_if({"$and": [expired, {"$not": [placed]}]}),
        }
        found = self._aggregate([{"$sample": {"size": SAMPLE_DOCUMENTS}}, {"$group": {"_id": None, **counts}}])
        return Sample(**{name: int(found.get(name, 0)) for name in counts})

    def exceeds(self, percent: float, at_least: int, seconds: float) -> bool:
        """Return whether more than this share of the collection is expired, or it is unknown in that time.

        Args:
            percent: the share.
            at_least: a collection of fewer documents never exceeds it.
            seconds: most time for the server.
        """
        total = self.total()
        spared = ceil(total * (100 - percent) / 100)
        if total < at_least or spared == 0:
            return False
        if total > SAMPLED_FROM_DOCUMENTS:
            retained = self.sample.retained / max(1, self.sample.documents)
            if retained >= spared / total + SAMPLE_ERROR:
                return False
        # What is retained is newest and comes last; only as many as decide are counted.
        found = self._count({"$nor": [self._expired]}, seconds, limit=spared, hint=[("$natural", -1)])
        return found is None or found < spared

    def count_expired(self, seconds: float, *, below_bound: bool) -> int | None:
        """Return how many documents are expired, of all or of those below the bound; None if that takes longer."""
        placed = {"_id": {"$lt": self.bound}} if below_bound else {}
        return self._figure({**placed, **self._expired}, seconds)

    def count_undated(self, seconds: float) -> int | None:
        """Return how many documents have no date, or None if that takes longer."""
        return self._figure(self._policy.undated(), seconds)

    def count_in(self, part: Part) -> tuple[int, int]:
        """Return how many documents of the part are expired, and how many have no date."""
        counts = {
            "expired": _count_if(self._policy.is_expired(self._cutoff)),
            "undated": _count_if(self._policy.is_undated()),
        }
        found = self._aggregate([{"$match": part.query}, {"$group": {"_id": None, **counts}}], hint=BY_ID)
        return int(found.get("expired", 0)), int(found.get("undated", 0))

    def average_bytes(self) -> float:
        """Return the average size of a document, in bytes."""
        with bounded(self._deadline):
            stats = self._collection.database.command("collStats", self.name)
        return float(stats.get("avgObjSize", 0))

    def expired_ids(self, index: str, limit: int) -> list[Any]:
        """Return `_id` of expired documents, oldest first, as an index on the date finds them."""
        with bounded(self._deadline):
            found = self._collection.find(self._expired, {"_id": 1}, hint=index, limit=limit)
            return [document["_id"] for document in found]

    def next_range(self, start: Any, stop: Any, size: int) -> tuple[Part, Any]:  # noqa: ANN401 - an _id may be of any type
        """Return the next documents in the order of `_id`, and the `_id` behind them; only the index is read.

        Args:
            start: the first `_id`, of any type.
            stop: the `_id` behind the last.
            size: most documents.
        """
        for attempt in attempts(self._deadline):
            with attempt, bounded(self._deadline):
                behind = [document["_id"] for document in self._walk(start, stop).skip(size).limit(1)]
                end = behind[0] if behind else stop
                if isinstance(start, ObjectId) and isinstance(end, ObjectId):
                    query: Document = {"_id": {"$gte": start, "$lt": end}}
                    return Part(query, size if behind else self._collection.count_documents(query, hint=BY_ID)), end
                # A range in a filter holds one type only.
                ids = [document["_id"] for document in self._walk(start, end)]
                return Part({"_id": {"$in": ids}}, len(ids)), end
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _walk(self, start: Any, stop: Any) -> Cursor[Document]:  # noqa: ANN401 - an _id may be of any type
        """Return what is in the index on `_id` from `start` to before `stop`, over all types."""
        return self._collection.find({}, {"_id": 1}).hint(BY_ID).min([("_id", start)]).max([("_id", stop)])

    def read(self, batch: Batch) -> Iterator[Document]:
        """Yield the batch's expired documents as they are now, whole."""
        for part in batch.parts:
            cursor = self._collection.find({**part.query, **self._expired}, hint=BY_ID)
            # The time limit must not hold while the caller works on what is yielded.
            while block := self._next_block(cursor):
                yield from block

    def _next_block(self, cursor: Cursor[Document]) -> list[Document]:
        with bounded(self._deadline):
            return list(islice(cursor, BLOCK_DOCUMENTS))

    def delete(self, part: Part) -> int:
        """Delete those of the part that are (still) expired; return how many were deleted."""
        for attempt in attempts(self._deadline):
            with attempt, bounded(self._deadline):
                deleted = self._delete_at_once({**part.query, **self._expired})
                if attempt.num > 1:
                    # An attempt that broke off may have deleted some.
                    deleted = max(deleted, part.documents - self._collection.count_documents(part.query, hint=BY_ID))
        return deleted

    def _delete_at_once(self, query: Document) -> int:
        try:
            with self._collection.database.client.start_session() as session, session.start_transaction():
                return self._collection.delete_many(query, session=session, hint=BY_ID).deleted_count
        except OperationFailure as exc:
            if exc.timeout:
                raise
            # The server is no replica set, another write got in between, or its limit for a transaction was reached.
            return self._collection.delete_many(query, hint=BY_ID).deleted_count

    def _aggregate(self, pipeline: list[Document], **options: Any) -> Document:  # noqa: ANN401 - the driver's
        """Return the one document that the pipeline yields, or an empty one."""
        for attempt in attempts(self._deadline):
            with attempt, bounded(self._deadline):
                return next(self._collection.aggregate(pipeline, **options), {})
        raise AssertionError("unreachable: the last attempt returns or raises")

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


def _count_if(condition: Document) -> Document:
    return {"$sum": {"$cond": [condition, 1, 0]}}
