"""Gateway: select a collection's documents to examine, and count the expired ones (MongoDB)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from math import ceil
from typing import Any

from bson import MaxKey, MinKey, ObjectId
from bson.raw_bson import RawBSONDocument
from loguru import logger
from pymongo.collection import Collection
from pymongo.cursor import Cursor

from joytify_cleanup.retention import POLICIES, Kind
from joytify_cleanup.work import FIRST_OBJECT_ID, LAST_OBJECT_ID, Counts, Done, Work
from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, TransientError
from joytify_common.ids import CODEC
from joytify_common.indexes import index_on
from joytify_common.mongo import MAX_CALL_SECONDS, Document, mongo_errors, retry, within

BY_ID = "_id_"
NEWEST_FIRST = [("$natural", -1)]
# The clock that creates an `_id` may be ahead of the clock that writes the date by this much.
CLOCK_MARGIN = timedelta(hours=2)
# A collection of up to this size is examined completely, since that costs little.
SWEPT_UP_TO_DOCUMENTS = 20_000
# The deletion limit applies to collections of at least this size; in a smaller collection, it is normal that all
# documents expire.
LIMIT_FROM_DOCUMENTS = 1000
# Ids found by an index on the date are kept in memory in portions that fit into one command.
PORTION_DOCUMENTS, PORTION_BYTES = 200_000, 8 * 1024 * 1024
# The client waits this much longer than the server's time limit for a count.
NETWORK_SECONDS = 0.5

Hint = str | list[tuple[str, int]]


@dataclass(frozen=True)
class Batch:
    """A group of documents; the expired documents among them are deleted together.

    Attributes:
        selection: filter for all documents of the batch, expired or not.
        documents: number of documents in the batch, expired or not.
        span: range of `_id` that contains them; None if an index on the date found them.
    """

    selection: Document
    documents: int
    span: Work | None = None


class ExaminedCollection:
    """One collection at one cutoff: the spans to examine, and counts of expired documents.

    Calls end at most a few seconds after the deadline; counts have their own time limits.

    Attributes:
        expired: the filter for expired documents.
        bound: the first ObjectId that was certainly created after the cutoff, even with clock skew.
    """

    def __init__(self, collection: Collection[Document], kind: Kind, done: Done, deadline: Deadline) -> None:
        self.kind = kind
        self.cutoff = done.cutoff
        self.deadline = deadline
        self.policy = POLICIES[kind]
        self.expired = self.policy.expired(now=done.started_at, cutoff=done.cutoff)
        self.bound = ObjectId.from_datetime(done.cutoff + CLOCK_MARGIN)
        self.collection = collection.with_options(codec_options=CODEC)
        self.name = collection.name

    def check(self) -> None:
        """Check that cleanup supports this kind of collection; a missing collection is fine.

        Raises:
            ConfigError: the collection is a view, a time series or a clustered collection.
        """
        database, named = self.collection.database, {"name": self.name}
        for found in retry(self.deadline, lambda: list(database.list_collections(filter=named))):
            kind = "clustered collection" if "clusteredIndex" in found["options"] else found["type"]
            if kind != "collection":
                raise ConfigError(f"{self.name} is a {kind}; cleanup needs an ordinary collection with the index _id_")

    def todo(self, *, sweep: bool) -> list[Work]:
        """Return the spans to examine: ObjectIds older than the cutoff, and all ids of other types.

        A sweep examines every document, and so does any run on a small collection.
        """
        examines_all = sweep or self._is_small()
        stop = LAST_OBJECT_ID if examines_all else self.bound
        spans = ((MinKey(), FIRST_OBJECT_ID), (FIRST_OBJECT_ID, stop), (LAST_OBJECT_ID, MaxKey()))
        return [
            Work(collection=self.kind, start=start, stop=stop, counts_undated=examines_all) for start, stop in spans
        ]

    def sliced(self, todo: Sequence[Work], workers: int) -> list[Work]:
        """Return this collection's spans that contain documents.

        Split spans of ObjectIds by time if there are fewer of them than workers.
        """
        mine = [work for work in todo if work.collection == self.kind]
        count = ceil(workers / max(1, sum(work.has_object_ids_only for work in mine)))
        return [part for work in mine for part in self._parts(work, count)]

    def _parts(self, work: Work, count: int) -> list[Work]:
        """Return the parts of a span; an empty list if the span contains no documents."""
        first, last = retry(self.deadline, lambda: (self._end(work, 1), self._end(work, -1)))
        if first is None or last is None:
            return []
        return work.parts(first["_id"], last["_id"], count) if work.has_object_ids_only else [work]

    def _end(self, work: Work, order: int) -> Document | None:
        return self.collection.find_one(work.query, {"_id": 1}, sort=[("_id", order)], hint=BY_ID)

    def _is_small(self) -> bool:
        whole = Work(collection=self.kind, start=MinKey(), stop=MaxKey())
        more = retry(self.deadline, lambda: next(self._walk(whole).skip(SWEPT_UP_TO_DOCUMENTS).limit(1), None))
        return more is None

    def batch(self, work: Work, size: int) -> tuple[Batch, Work | None]:
        """Return a batch of up to `size` documents, and the rest of the span; only the index is read."""

        def find() -> tuple[Batch, Work | None]:
            following = [document["_id"] for document in self._walk(work).skip(size).limit(1)]
            if following:
                span = work.cut(stop=following[0])
                return Batch(span.query, size, span), work.cut(start=following[0])
            return Batch(work.query, self.collection.count_documents(work.query, hint=BY_ID), work), None

        return retry(self.deadline, find)

    def _walk(self, work: Work) -> Cursor[Document]:
        """Return the index entries of a span, including MaxKey if the span has no upper end."""
        if isinstance(work.start, MaxKey):
            return self.collection.find({"_id": MaxKey()}, {"_id": 1})
        cursor = self.collection.find({}, {"_id": 1}).hint(BY_ID).min([("_id", work.start)])
        return cursor if isinstance(work.stop, MaxKey) else cursor.max([("_id", work.stop)])

    @cached_property
    def date_index(self) -> str | None:
        """Name of an index that finds all documents by their date; None if there is none."""
        return retry(self.deadline, lambda: index_on(self.collection, self.policy.date_field))

    def ids_by_date(self, index: str) -> list[Any]:
        """Return ids of expired documents that a date index finds, limited to one portion."""

        def find() -> list[Any]:
            ids, size = [], 0
            raw = self.collection.with_options(codec_options=CODEC.with_options(document_class=RawBSONDocument))
            for document in raw.find(self.expired, {"_id": 1}, hint=index, limit=PORTION_DOCUMENTS):
                ids.append(document["_id"])
                size += len(document.raw)
                if size >= PORTION_BYTES:
                    break
            return ids

        return retry(self.deadline, find)

    def counted(self, selection: Document) -> tuple[int, Counts]:
        """Return how many of these documents are expired, and how many are undated or unrecognized."""
        filters = {
            "expired": self.expired,
            "undated": self.policy.undated(),
            "unusual": {"$nor": [self.policy.usual()]},
        }
        counts = {name: [{"$match": each}, {"$count": "n"}] for name, each in filters.items()}
        pipeline: list[Document] = [{"$match": selection}, {"$facet": counts}]
        found = retry(self.deadline, lambda: next(self.collection.aggregate(pipeline, hint=BY_ID)))
        expired, undated, unusual = (found[name][0]["n"] if found[name] else 0 for name in filters)
        return expired, Counts(undated=undated, unrecognized=unusual - undated)

    def may_exceed(self, percent: float, todo: Sequence[Work], seconds: float) -> bool:
        """Return whether a run would delete more than `percent` of the collection, or the counts take too long.

        A cheap test comes first: if enough documents are retained, the limit cannot be exceeded even if every examined
        document is expired, so the expired documents are not counted. Otherwise, they are counted.
        A collection of fewer than 1,000 documents never exceeds the limit.
        """
        index, date = self.date_index, self.policy.date_field
        # Retained documents are the newest, so the scan starts at the end.
        kept: list[tuple[Document, Hint]] = [({"$nor": [self.expired]}, NEWEST_FIRST)]
        if index is not None:
            examined = [({date: {"$lt": self.cutoff}}, index)]
            kept = [({date: {"$gte": self.cutoff}}, index), *kept]
        else:
            examined = [(work.query, BY_ID) for work in todo]
            if not any(work.counts_undated for work in todo):
                kept = [({"_id": {"$gte": self.bound}}, BY_ID), *kept]
        at_most = self._total(examined, seconds)
        if at_most is None:
            return True
        enough = ceil(at_most * (100 - percent) / percent)
        if enough == 0 or any(self._count(query, hint, seconds, enough) == enough for query, hint in kept):
            return False
        expired, total = self.count_expired(todo, seconds), self._count({}, BY_ID, seconds)
        if total is not None and total < LIMIT_FROM_DOCUMENTS:
            return False
        return expired is None or total is None or expired > total * percent / 100

    def count_expired(self, todo: Sequence[Work], seconds: float) -> int | None:
        """Return how many of the documents to examine are expired; None if it takes too long."""
        if todo and (index := self.date_index) is not None:
            return self._count(self.expired, index, seconds)
        return self._total([({"$and": [work.query, self.expired]}, BY_ID) for work in todo], seconds)

    def count_left_alone(self, todo: Sequence[Work]) -> Counts:
        """Return how many documents are undated or unrecognized; zeros if the spans are not a sweep."""
        counts = Counts(swept=all(work.counts_undated for work in todo))
        for work in todo if counts.swept else ():
            counts = counts.plus(self.counted(work.query)[1])
        return counts

    def average_bytes(self) -> float:
        """Return the average size of a document, in bytes."""
        stats = retry(self.deadline, lambda: self.collection.database.command("collStats", self.name))
        return float(stats.get("avgObjSize", 0))

    def _total(self, filters: Sequence[tuple[Document, str]], seconds: float) -> int | None:
        end = time.monotonic() + seconds
        counts = [self._count(query, hint, max(0.05, end - time.monotonic())) for query, hint in filters]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def _count(self, query: Document, hint: Hint, seconds: float, limit: int | None = None) -> int | None:
        """Return the number of documents; None if the count takes too long or fails temporarily."""
        limited = {} if limit is None else {"limit": limit}
        milliseconds = max(1, round(min(seconds, MAX_CALL_SECONDS) * 1000))
        try:
            with mongo_errors(), within(seconds + NETWORK_SECONDS):
                return self.collection.count_documents(query, hint=hint, maxTimeMS=milliseconds, **limited)  # type: ignore[arg-type] # pymongo's options
        except TransientError as exc:
            logger.warning("documents could not be counted", collection=self.name, error=str(exc))
            return None
