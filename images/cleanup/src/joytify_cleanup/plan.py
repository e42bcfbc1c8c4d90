"""How what is expired could be divided among workers: ranges of similar size, and how many workers at once.

Nothing is read that grows with what is kept: a random sample of each collection tells where its expired documents lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

from joytify_cleanup.batches import Scope
from joytify_cleanup.survey import PLAN_SAMPLE_DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bson import ObjectId

    from joytify_cleanup.expired import ExpiredDocuments

# Of a worker's time, so that a range which is larger than the sample showed is done in time as well.
TIME_SHARE = 0.5
SAMPLE_MARGIN = 0.8
# Fewer expired documents in a sample say little of where they lie.
FEWEST_SAMPLED = 50
COUNT_SECONDS = 20.0
BOUNDED = Scope("bounded")
# From a smaller collection the server does not sample but read everything; one worker is enough for it.
DIVIDED_FROM_DOCUMENTS = 20 * PLAN_SAMPLE_DOCUMENTS


@dataclass(frozen=True)
class PlannedRange:
    """The work of one worker.

    Attributes:
        collection: name of the collection.
        start: the first second, by the time in `_id`.
        end: the second behind the last.
        documents: about how many have expired in it.
    """

    collection: str
    start: datetime
    end: datetime
    documents: int


@dataclass(frozen=True)
class Plan:
    """The work of all workers.

    Attributes:
        ranges: together they hold everything that has expired by the time in `_id`.
        workers: how many at once.
        reason: why so many, for people.
    """

    ranges: tuple[PlannedRange, ...]
    workers: int
    reason: str

    def data(self) -> dict[str, Any]:
        """Return the plan as JSON: each range is an event's `collection` and `range`."""
        ranges = [
            {
                "collection": each.collection,
                "range": {"from": each.start.isoformat(), "to": each.end.isoformat()},
                "documents": each.documents,
            }
            for each in self.ranges
        ]
        documents = sum(each.documents for each in self.ranges)
        return {"workers": self.workers, "reason": self.reason, "documents": documents, "ranges": ranges}


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

    def plan(self, collections: Sequence[tuple[str, ExpiredDocuments]]) -> Plan:
        """Return the plan.

        Args:
            collections: each with the name by which an event refers to it.

        Raises:
            JobError: a collection is unavailable.
        """
        ranges = [each for name, documents in collections for each in self._ranges(name, documents)]
        workers, reason = self._workers(sum(each.documents for each in ranges), len(ranges))
        return Plan(tuple(ranges), workers, reason)

    def _workers(self, documents: int, ranges: int) -> tuple[int, str]:
        seconds, allowed = documents / self.rate, self.seconds * TIME_SHARE
        work = f"{documents:,} documents at {self.rate:,.0f} a second take one worker {seconds:,.0f} s"
        if self.capacity == 1:
            return 1, f"one worker: {self.server}, where more are not faster; {work}"
        if seconds <= allowed:
            return 1, f"one worker is enough: {work}, half of its time is {allowed:,.0f} s"
        workers = min(self.capacity, ranges, ceil(seconds / allowed))
        return workers, f"{workers} workers: {work}, half of its time is {allowed:,.0f} s; {self.server}"

    def _ranges(self, name: str, documents: ExpiredDocuments) -> list[PlannedRange]:
        """Return the ranges of one collection; none if nothing in it has expired."""
        oldest = documents.oldest()
        if oldest is None or oldest >= documents.bound:
            return []
        expired, ids = self._estimate(documents)
        if not expired:
            return []
        count = ceil(expired / (self.rate * self.seconds * TIME_SHARE * SAMPLE_MARGIN))
        # Each worker should have one, if there is enough to do for more than one.
        if expired / self.rate > self.seconds * TIME_SHARE:
            count = max(count, self.capacity)
        times = _bounds(oldest, documents.bound, ids, count)
        share = ceil(expired / (len(times) - 1))
        return [PlannedRange(name, start, end, share) for start, end in pairwise(times)]

    def _estimate(self, documents: ExpiredDocuments) -> tuple[int, Sequence[ObjectId]]:
        """Return about how many are expired, and the ids of some that are, in order."""
        total = documents.total()
        if total <= DIVIDED_FROM_DOCUMENTS:
            return documents.count_expired(COUNT_SECONDS, BOUNDED) or 0, []
        drawn, ids = documents.sample_expired()
        if len(ids) < FEWEST_SAMPLED:
            return ceil(total * (len(ids) + 1) / (drawn + 1)), []
        return round(total * len(ids) / drawn), ids


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
