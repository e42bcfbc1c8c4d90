"""How what is expired could be divided among workers: ranges of similar size, and how many workers at once.

Nothing is read that grows with what is kept: a random sample of each collection tells where its expired documents lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

from joytify_cleanup.batches import Scope
from joytify_cleanup.ranges import TimeRange
from joytify_cleanup.steps import PlannedRange
from joytify_cleanup.survey import PLAN_SAMPLE_DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bson import ObjectId

    from joytify_cleanup.expired import ExpiredDocuments
    from joytify_cleanup.steps import CollectionKind, WorkerResult

# Of a worker's time, so that a range which is larger than the sample showed is done in time as well.
TIME_SHARE = 0.5
SAMPLE_MARGIN = 0.8
# Fewer expired documents in a sample say little of where they lie.
FEWEST_SAMPLED = 50
COUNT_SECONDS = 20.0
BOUNDED = Scope("bounded")
# From a smaller collection the server does not sample but read everything; one worker is enough for it.
DIVIDED_FROM_DOCUMENTS = 20 * PLAN_SAMPLE_DOCUMENTS
# What Step Functions passes from one state to the next may have 256 KiB: these ranges, and what became of each.
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_RANGES = 400
# Parts of a range of which nobody knows how much has expired in it.
PARTS_OF_UNKNOWN = 2
# A worker that met a slow server for a while says little of the next.
MOST_PARTS_OF_LEFT = 16


@dataclass(frozen=True)
class Plan:
    """The work of all workers.

    Attributes:
        ranges: what is worked on now.
        workers: how many at once.
        reason: why so many, for people.
        pending: what is worked on after that, to be divided by then; with the ranges it holds everything that has
            expired by the time in `_id`.
    """

    ranges: tuple[PlannedRange, ...]
    workers: int
    reason: str
    pending: tuple[PlannedRange, ...] = ()

    def data(self) -> dict[str, Any]:
        """Return the plan as JSON: each range is an event's `collection` and `range`."""
        documents = sum(each.documents or 0 for each in (*self.ranges, *self.pending))
        told = {"workers": self.workers, "reason": self.reason, "documents": documents}
        return {**told, "ranges": _json(self.ranges), "pending": _json(self.pending)}


def _json(ranges: Sequence[PlannedRange]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json", by_alias=True) for each in ranges]


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Divides what is expired.

    Attributes:
        capacity: how many workers at once the server is faster with than with fewer.
        server: what the server is, for people.
        rate: documents that one worker deletes in a second.
        seconds: how long a worker may work.
    """

    capacity: int
    server: str
    rate: float
    seconds: float

    def plan(self, collections: Sequence[tuple[CollectionKind, ExpiredDocuments]]) -> Plan:
        """Return the plan.

        Args:
            collections: each with the name by which an event refers to it.

        Raises:
            JobError: a collection is unavailable.
        """
        return self.divide([each for name, documents in collections for each in self._ranges(name, documents)])

    def plan_left(self, results: Sequence[WorkerResult], pending: Sequence[PlannedRange]) -> Plan:
        """Return the plan for what workers had no time for, and what no worker has begun; nothing is read for it."""
        left = [part for each in results if each.left for part in self._halves(each, each.left)]
        ranges, pending = self._divide(pending, left)
        workers = min(self.capacity, max(1, len(ranges)))
        reason = f"{len(left)} ranges of what workers had no time for, {len(ranges) - len(left)} new; {self.server}"
        return Plan(ranges, workers, reason, pending)

    def _halves(self, result: WorkerResult, left: TimeRange) -> Iterator[PlannedRange]:
        """Yield what is left of a range in as many parts as its worker's own rate asks for."""
        rate = min(self.rate, 1000 * result.deleted / max(1, result.milliseconds))
        count = PARTS_OF_UNKNOWN
        if result.remaining is not None and rate > 0:
            count = max(1, min(MOST_PARTS_OF_LEFT, ceil(result.remaining / (rate * self.seconds * TIME_SHARE))))
        yield from _parts(
            PlannedRange(collection=result.collection, time_range=left, documents=result.remaining), count
        )

    def count_ranges(self, expired: int) -> int:
        """Return in how many ranges so many documents should be divided, if the sample is large enough."""
        if expired <= self._worth:
            return 1
        # Each worker should have one, if there is enough to do for more than one.
        return max(ceil(expired / (self._worth * SAMPLE_MARGIN)), self.capacity)

    @property
    def _worth(self) -> float:
        """Number of documents that a worker deletes in the part of its time that is planned."""
        return self.rate * self.seconds * TIME_SHARE

    def _workers(self, documents: int, ranges: int) -> tuple[int, str]:
        seconds, allowed = documents / self.rate, self.seconds * TIME_SHARE
        work = f"{documents:,} documents at {self.rate:,.0f} a second take one worker {seconds:,.0f} s"
        if self.capacity == 1:
            return 1, f"one worker: {self.server}, where more are not faster; {work}"
        if documents <= self._worth:
            return 1, f"one worker is enough: {work}, half of its time is {allowed:,.0f} s"
        workers = min(self.capacity, ranges, ceil(seconds / allowed))
        return workers, f"{workers} workers: {work}, half of its time is {allowed:,.0f} s; {self.server}"

    def _ranges(self, name: CollectionKind, documents: ExpiredDocuments) -> list[PlannedRange]:
        """Return the ranges of one collection, by what a sample shows; none if nothing in it has expired."""
        oldest = documents.oldest()
        if oldest is None or oldest >= documents.bound:
            return []
        expired, ids = self._estimate(documents)
        if expired == 0:
            return []
        times = _bounds(oldest, documents.bound, ids, self.count_ranges(expired or 0))
        share = None if expired is None else ceil(expired / (len(times) - 1))
        return [
            PlannedRange(collection=name, time_range=TimeRange(start=start, end=end), documents=share)
            for start, end in pairwise(times)
        ]

    def _estimate(self, documents: ExpiredDocuments) -> tuple[int | None, Sequence[ObjectId]]:
        """Return about how many are expired, None if that is unknown; and the ids of some that are, in order."""
        total = documents.total()
        if total <= DIVIDED_FROM_DOCUMENTS:
            return documents.count_expired(COUNT_SECONDS, BOUNDED), []
        if (drawn := documents.sample_expired()) is None:
            return None, []
        if len(drawn.ids) < FEWEST_SAMPLED:
            return ceil(total * (len(drawn.ids) + 1) / (drawn.documents + 1)), []
        return round(total * len(drawn.ids) / drawn.documents), drawn.ids

    def divide(self, found: Sequence[PlannedRange]) -> Plan:
        """Return the plan for ranges of which about as much as they say has expired."""
        ranges, pending = self._divide(found)
        workers, reason = self._workers(sum(each.documents or 0 for each in found), len(ranges))
        return Plan(ranges, workers, reason, pending)

    def _divide(
        self, found: Sequence[PlannedRange], begun: Sequence[PlannedRange] = ()
    ) -> tuple[tuple[PlannedRange, ...], tuple[PlannedRange, ...]]:
        """Return parts that each fit a worker's time, as many as there may be, and what is not divided yet.

        Args:
            found: what is to be divided.
            begun: what is divided already, and comes first.
        """
        ranges = list(begun[:MAX_RANGES])
        pending = list(begun[MAX_RANGES:])
        for number, each in enumerate(found):
            count = PARTS_OF_UNKNOWN if each.documents is None else ceil(each.documents / self._worth)
            parts = list(_parts(each, min(count, MAX_RANGES)))
            if pending or (ranges and len(ranges) + len(parts) > MAX_RANGES):
                return tuple(ranges), (*pending, *found[number:])
            ranges.extend(parts)
        return tuple(ranges), tuple(pending)


def _parts(each: PlannedRange, count: int) -> Iterator[PlannedRange]:
    """Yield a range in parts of the same length."""
    parts = each.time_range.parts(count)
    documents = None if each.documents is None else ceil(each.documents / len(parts))
    for part in parts:
        yield PlannedRange(collection=each.collection, time_range=part, documents=documents)


def _bounds(oldest: ObjectId, bound: ObjectId, ids: Sequence[ObjectId], count: int) -> list[datetime]:
    """Return the times at which the ranges begin, and the one at which the last ends; each later than the one before.

    Args:
        oldest: the first id.
        bound: the id behind the last.
        ids: a sample of those between them, in order.
        count: how many ranges there should be; there are fewer if the sample is small or its times are the same.
    """
    count = min(count, len(ids) // FEWEST_SAMPLED) if ids else 1
    cuts = [ids[len(ids) * number // count] for number in range(1, count)]
    times = [each.generation_time for each in (oldest, *cuts, bound)]
    return [times[0], *(later for earlier, later in pairwise(times) if later > earlier)]
