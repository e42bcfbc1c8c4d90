"""Gateway: looks at one collection whose cost does not grow with what is kept in it (MongoDB)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

from bson import MaxKey, MinKey, ObjectId
from loguru import logger
from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError

from joytify_common.errors import TransientError
from joytify_common.mongo import Document, mongo_errors, retry, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pymongo.cursor import Cursor
    from pymongo.database import Database

    from joytify_cleanup.batches import Scope
    from joytify_cleanup.retention import Policy
    from joytify_common.deadline import Deadline

BY_ID = "_id_"
EARLIEST = datetime.min.replace(tzinfo=UTC)
BAD_VALUE = 2
FIRST_OBJECT_ID, LAST_OBJECT_ID = ObjectId("0" * 24), ObjectId("f" * 24)
# Clocks of those who make ids may be ahead of those who write dates by this much.
CLOCK_MARGIN = timedelta(hours=2)
SAMPLE_DOCUMENTS = 1000
# To divide what is expired takes a larger one: of a tenth of a collection it still holds 500.
PLAN_SAMPLE_DOCUMENTS = 5000
# From a smaller collection the server does not pick them at random but reads all:
# https://www.mongodb.com/docs/manual/reference/operator/aggregation/sample/
SAMPLED_FROM_DOCUMENTS = 20 * SAMPLE_DOCUMENTS
# The server picked a document twice too often, which its text calls sporadic: error 28799 of MongoDB's $sample.
NO_SAMPLE, SAMPLE_ATTEMPTS = 28799, 3
# In the minutes after most of a collection was deleted, to pick a document at random takes a hundred times as long:
# what was deleted is still in the tree, for readers of the past.
SAMPLE_SECONDS, SAMPLE_SHARE = 20.0, 0.1
# The client waits this much longer than the server may count.
NETWORK_SECONDS = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """What a random sample of a collection holds, in numbers of documents.

    Attributes:
        documents: its size.
        misplaced: those that have expired although their `_id` was made after the cutoff.
    """

    documents: int
    misplaced: int


@dataclass(frozen=True)
class ExpiredSample:
    """What a random sample tells of where the expired documents lie.

    Attributes:
        documents: its size.
        ids: those in it that are expired and below the bound, in order.
    """

    documents: int
    ids: Sequence[ObjectId]


class Survey:
    """One collection under its policy, at one cutoff; no call outlives the deadline.

    Attributes:
        expired: the filter for expired documents.
        bound: an ObjectId from here on was made after the cutoff, whatever the clocks.
    """

    def __init__(self, database: Database[Document], policy: Policy, cutoff: datetime, deadline: Deadline) -> None:
        self.collection = database[policy.collection]
        self.policy = policy
        self.cutoff = cutoff
        self.expired = policy.expired(cutoff)
        self.deadline = deadline
        self.bound = ObjectId.from_datetime(cutoff + CLOCK_MARGIN)

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self.policy.collection

    def total(self) -> int:
        """Return how many documents there are, as the server estimates it."""
        return self.retried(self.collection.estimated_document_count)

    def date_index(self) -> str | None:
        """Return the name of an index that finds all documents by their date, or None if there is none."""
        field = self.policy.date_field
        indexes = self.retried(self.collection.index_information)
        names = [
            name
            for name, index in indexes.items()
            if index["key"][0] in {(field, 1), (field, -1)} and "partialFilterExpression" not in index
        ]
        return next((name for name in names if self.retried(partial(self._answers, name))), None)

    def _answers(self, index: str) -> bool:
        """Return whether the index can be used: one that is hidden or being built cannot."""
        try:
            self.collection.find_one({self.policy.date_field: {"$lt": EARLIEST}}, {"_id": 1}, hint=index)
        except OperationFailure as exc:
            if exc.code != BAD_VALUE:
                raise
            return False
        return True

    def sample(self) -> Sample | None:
        """Return what a random sample holds, whose cost does not grow with the collection; None if none was drawn."""
        younger = {"$and": [{"$eq": [{"$type": "$_id"}, "objectId"]}, {"$gte": ["$_id", self.bound]}]}
        misplaced = {"misplaced": count_if({"$and": [self.policy.is_expired(self.cutoff), younger]})}
        found = self._drawn(SAMPLE_DOCUMENTS, misplaced)
        return None if found is None else Sample(int(found.get("documents", 0)), int(found.get("misplaced", 0)))

    def sample_expired(self) -> ExpiredSample | None:
        """Return which ids of a larger random sample are expired and below the bound; None if none was drawn."""
        ids = {"ids": {"$push": {"$cond": [self._is_placed_and_expired(), "$_id", "$$REMOVE"]}}}
        found = self._drawn(PLAN_SAMPLE_DOCUMENTS, ids)
        return None if found is None else ExpiredSample(int(found.get("documents", 0)), sorted(found.get("ids", [])))

    def _drawn(self, size: int, figures: Document) -> Document | None:
        """Return figures of a random sample, and its size; None if none could be drawn in the time given."""
        # It must come first: only then the server picks documents at random instead of reading all.
        pipeline = [{"$sample": {"size": size}}, {"$group": {"_id": None, "documents": {"$sum": 1}, **figures}}]
        limit = min(SAMPLE_SECONDS, self.deadline.remaining() * SAMPLE_SHARE)

        def draw() -> Document | None:
            with within(limit):
                for _ in range(SAMPLE_ATTEMPTS):
                    try:
                        return next(self.collection.aggregate(pipeline), {})
                    except PyMongoError as exc:
                        if exc.timeout:
                            return None
                        if not isinstance(exc, OperationFailure) or exc.code != NO_SAMPLE:
                            raise
            return None

        return self.retried(draw)

    def _is_placed_and_expired(self) -> Document:
        """Return the condition for expired documents below the bound, as an aggregation expression."""
        placed = [{"$eq": [{"$type": "$_id"}, "objectId"]}, {"$lt": ["$_id", self.bound]}]
        return {"$and": [*placed, self.policy.is_expired(self.cutoff)]}

    def oldest(self) -> ObjectId | None:
        """Return the first ObjectId; None if there is none."""

        def find() -> ObjectId | None:
            first = next(self.walk(FIRST_OBJECT_ID, LAST_OBJECT_ID).limit(1), None)
            return None if first is None else first["_id"]

        return self.retried(find)

    def exceeds(self, percent: float, at_least: int, seconds: float, scope: Scope) -> bool | None:
        """Return whether more than this share of the collection would be deleted; None if that takes longer.

        Args:
            percent: the share.
            at_least: a collection of fewer documents never exceeds it.
            seconds: most time for the server, for each of three counts.
            scope: what is examined.
        """
        total = self.total()
        spared = ceil(total * (100 - percent) / 100)
        if total < at_least or spared == 0:
            return False
        if scope.name == "bounded" and self._ids_show_retained(total, spared, seconds):
            return False
        if scope.index is not None and self._index_shows_retained(scope.index, total, spared, seconds):
            return False
        # What is retained is newest and comes last; only as many as decide are counted.
        found = self._count({"$nor": [self.expired]}, seconds, limit=spared, hint=[("$natural", -1)])
        return None if found is None else found < spared

    def _ids_show_retained(self, total: int, spared: int, seconds: float) -> bool:
        """Return whether the index on `_id` alone shows that enough is retained; it reads no more than is expired."""
        most = min(total - spared, spared)
        # Ids that sort behind the ObjectIds tell no time.
        if self._more_than(0, LAST_OBJECT_ID, MaxKey(), seconds) is False and (
            self._more_than(most, MinKey(), self.bound, seconds) is False
        ):
            return True
        return self._more_than(spared - 1, self.bound, LAST_OBJECT_ID, seconds) is True

    def _more_than(self, documents: int, start: Any, stop: Any, seconds: float) -> bool | None:  # noqa: ANN401 - an _id may be of any type
        """Return whether there are more documents between two ids; None if that takes longer to find out."""
        with mongo_errors(), within(seconds + NETWORK_SECONDS):
            try:
                found = self.walk(start, stop).skip(documents).limit(1).max_time_ms(_milliseconds(seconds))
                return next(found, None) is not None
            except ExecutionTimeout:
                return None

    def _index_shows_retained(self, index: str, total: int, spared: int, seconds: float) -> bool:
        """Return whether the index on the date alone shows it, in the same way."""
        most, field = min(total - spared, spared), self.policy.date_field
        old = self._count({field: {"$lt": self.cutoff}}, seconds, limit=most + 1, hint=index)
        if old is not None and old <= most:
            return True
        return self._count({field: {"$gte": self.cutoff}}, seconds, limit=spared, hint=index) == spared

    def count_expired(self, seconds: float, scope: Scope | None) -> int | None:
        """Return how many documents are expired, of those that the scope examines; None if that takes longer.

        Args:
            seconds: most time for the server.
            scope: what is examined; None if that is not decided: everything.
        """
        placed: Document = {}
        if scope is not None and scope.span is not None:
            placed = scope.span.query
        elif scope is not None and scope.name == "bounded":
            placed = {"_id": {"$lt": self.bound}}
        return self._figure({**placed, **self.expired}, seconds)

    def count_undated(self, seconds: float) -> int | None:
        """Return how many documents have no date, or None if that takes longer."""
        return self._figure(self.policy.undated(), seconds)

    def average_bytes(self) -> float:
        """Return the average size of a document, in bytes."""
        stats = self.retried(lambda: self.collection.database.command("collStats", self.name))
        return float(stats.get("avgObjSize", 0))

    def walk(self, start: Any, stop: Any) -> Cursor[Document]:  # noqa: ANN401 - an _id may be of any type
        """Return what is in the index on `_id` from `start` to before `stop`, over all types."""
        return self.collection.find({}, {"_id": 1}).hint(BY_ID).min([("_id", start)]).max([("_id", stop)])

    def retried(self, call: Callable[[], T]) -> T:
        """Make a call that is safe to repeat, within the deadline, and return its result."""
        return retry(self.deadline, call)

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
                return self.collection.count_documents(query, maxTimeMS=_milliseconds(seconds), **options)
            except ExecutionTimeout:
                return None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def count_if(condition: Document) -> Document:
    """Return the accumulator that counts the documents for which the expression holds."""
    return {"$sum": {"$cond": [condition, 1, 0]}}
