"""Where the batches of a collection come from: a walk over `_id`, or an index on the date."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

from bson import MaxKey, MinKey, ObjectId, Regex, Timestamp

from joytify_cleanup.batches import Batch, Part, parts_of
from joytify_cleanup.survey import LAST_OBJECT_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joytify_cleanup.batches import Scope
    from joytify_cleanup.expired import ExpiredDocuments

# The ids of this many documents are held in memory at most (about 20 MB).
FEW_DOCUMENTS = 200_000
FEW_SHARE = 0.25
# Types that sort behind ObjectId: https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/
BEHIND_OBJECT_IDS = (bool, datetime, Timestamp, Regex, MaxKey)


class BatchSource(Protocol):
    """Finds batch after batch."""

    def next(self, size: int) -> Batch | None:
        """Return the next batch of at most `size` documents, or None if there are no more."""


def find_batches(documents: ExpiredDocuments, scope: Scope, start: Any, parts: int) -> BatchSource:  # noqa: ANN401 - an _id may be of any type
    """Return where the batches of a run come from.

    Args:
        documents: the collection.
        scope: what of it is examined.
        start: `_id` at which an earlier run stopped; None for the beginning.
        parts: how many commands delete a batch at once.
    """
    if scope.span is not None:
        first = scope.span.start if start is None else start
        return IdRanges(documents, first, scope.span.stop, parts, counts=False)
    first = MinKey() if start is None else start
    if scope.name == "swept":
        return IdRanges(documents, first, MaxKey(), parts, counts=True)
    # Ids of other types tell no time: all of these are examined.
    is_behind = first == LAST_OBJECT_ID or isinstance(first, BEHIND_OBJECT_IDS)
    tail = IdRanges(documents, first if is_behind else LAST_OBJECT_ID, MaxKey(), parts, counts=False)
    head = IdRanges(documents, first, documents.bound, parts, counts=False)
    ranges = tail if is_behind else InTurn(head, tail)
    if scope.index is None:
        return ranges
    # The index's own order would scatter many deletions over the file: only few are found by it.
    few = int(min(FEW_DOCUMENTS, documents.total() * FEW_SHARE))
    ids = documents.expired_ids(scope.index, few + 1)
    if len(ids) <= few:
        return IndexedIds(documents, scope.index, parts, ids)
    return InTurn(ranges, IndexedIds(documents, scope.index, parts))


class IdRanges:
    """The documents from one `_id` to another, as consecutive ranges."""

    def __init__(self, documents: ExpiredDocuments, start: Any, stop: Any, parts: int, *, counts: bool) -> None:  # noqa: ANN401 - an _id may be of any type
        """Walk from `start` to before `stop`.

        Args:
            documents: the collection.
            start: the first `_id`.
            stop: the `_id` behind the last.
            parts: how many ranges make a batch.
            counts: whether each range is read first: one without expired documents is passed over, and documents
                without a date are counted.
        """
        self._documents, self._start, self._stop = documents, start, stop
        self._parts, self._counts = parts, counts

    def next(self, size: int) -> Batch | None:
        """Return the next batch, which may be empty, or None at the end."""
        if self._start == self._stop:
            return None
        parts: list[Part] = []
        undated = passed = 0
        for waiting in range(min(self._parts, size), 0, -1):
            if self._start == self._stop:
                break
            share = ceil((size - passed) / waiting)
            part, self._start = self._documents.next_range(self._start, self._stop, share)
            expired, without = self._documents.count_in(part) if self._counts else (part.documents, 0)
            undated, passed = undated + without, passed + part.documents
            if expired:
                parts.append(part)
        return Batch(parts, undated, passed, resume=self._start, is_awaited=self._start == self._stop)


class IndexedIds:
    """What an index on the date finds, by ids, in portions that fit into memory."""

    def __init__(self, documents: ExpiredDocuments, index: str, parts: int, ids: Sequence[Any] | None = None) -> None:
        """Read from the index.

        Args:
            documents: the collection.
            index: name of its index on the date.
            parts: how many parts make a batch.
            ids: all that is expired, if that is known already.
        """
        self._documents, self._index, self._parts = documents, index, parts
        self._ids = _in_order(ids or ())
        self._may_be_more = ids is None

    def next(self, size: int) -> Batch | None:
        """Return the next batch, or None if the index finds nothing more."""
        if not self._ids and self._may_be_more:
            self._ids = _in_order(self._documents.expired_ids(self._index, FEW_DOCUMENTS))
            self._may_be_more = len(self._ids) == FEW_DOCUMENTS
        if not self._ids:
            return None
        taken, self._ids = self._ids[:size], self._ids[size:]
        # The index still finds what is not deleted yet.
        return Batch(parts_of(taken, self._parts), passed=len(taken), is_awaited=not self._ids)


class InTurn:
    """One source after the other."""

    def __init__(self, *sources: BatchSource) -> None:
        self._sources = list(sources)

    def next(self, size: int) -> Batch | None:
        """Return the next batch, or None if no source has more."""
        while self._sources:
            if (batch := self._sources[0].next(size)) is not None:
                return batch
            self._sources.pop(0)
        return None


def _in_order(ids: Sequence[Any]) -> list[Any]:
    """Return the ids in the order of the file if they tell it, else as they are."""
    return sorted(ids) if all(isinstance(each, ObjectId) for each in ids) else list(ids)
