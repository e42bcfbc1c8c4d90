"""What part of a collection a run examines, and the documents that are deleted together: values only."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bson import ObjectId

    from joytify_common.messages import ScopeName

# Without a pause, four commands delete a batch at the same time (docs/benchmarks.md); with one, a single command does.
PARTS_WITHOUT_PAUSE = 4


@dataclass(frozen=True)
class Span:
    """The ObjectIds from one to before another."""

    start: ObjectId
    stop: ObjectId

    @property
    def query(self) -> dict[str, Any]:
        """The filter for documents with such an `_id`."""
        return {"_id": {"$gte": self.start, "$lt": self.stop}}

    def __str__(self) -> str:
        """Return the times in which such ids were made."""
        start, stop = self.start.generation_time, self.stop.generation_time
        return f"from {start:%Y-%m-%d %H:%M:%S} to {stop:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class Scope:
    """What a run examines of one collection.

    Attributes:
        name: `bounded` is everything except what was made after the cutoff by its `_id`, `swept` everything, `indexed`
            what an index on the date finds, `range` what was made in a given time.
        reason: why, for people; None if that goes without saying.
        index: name of the index on the date; None without one.
        span: the ids that were made in the given time; None without one.
    """

    name: ScopeName
    reason: str | None = None
    index: str | None = None
    span: Span | None = None


@dataclass(frozen=True)
class Part:
    """Documents of which one command deletes those that are expired.

    Attributes:
        query: the filter that finds them, without the date condition.
        documents: their number, expired or not.
    """

    query: dict[str, Any]
    documents: int


@dataclass(frozen=True)
class Batch:
    """Documents of which those that are expired are deleted together.

    Attributes:
        parts: these are deleted at the same time.
        undated: documents without a date that were met on the way; 0 if they were not counted.
        passed: documents that were walked over to find the batch.
        resume: `_id` from which on the next batch is looked for; None if not by `_id`.
        is_awaited: whether the next batch is looked for only after this one is deleted.
    """

    parts: Sequence[Part]
    undated: int = 0
    passed: int = 0
    resume: Any = None
    is_awaited: bool = False

    @property
    def documents(self) -> int:
        """How many documents are in it."""
        return sum(part.documents for part in self.parts)


def parts_of(ids: Sequence[Any], count: int) -> list[Part]:
    """Return the documents with these ids as at most `count` parts of similar size."""
    share = max(1, ceil(len(ids) / count))
    shares = [ids[start : start + share] for start in range(0, len(ids), share)]
    return [Part({"_id": {"$in": list(some)}}, len(some)) for some in shares]
