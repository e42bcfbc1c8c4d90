"""The work list: what is still to be examined, and what earlier runs of the same sequence did."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any, TypeVar

from bson import MaxKey, ObjectId
from pydantic import AwareDatetime, Field

from joytify_common.ids import Id, not_before, to_json
from joytify_common.messages import ArchiveFigures, Chain, FanOut, ThrottleFigures, Wire

FIRST_OBJECT_ID, LAST_OBJECT_ID = ObjectId("0" * 24), ObjectId("f" * 24)
FiguresT = TypeVar("FiguresT", ArchiveFigures, ThrottleFigures)
# Between two states of Step Functions a result may hold this much of an `_id`.
MAX_ID_CHARACTERS = 300


class Work(Wire):
    """One span of one collection that is still to be examined.

    Attributes:
        collection: its name without the prefix of a test run.
        start: the first `_id`, of any BSON type.
        stop: the `_id` behind the last; MaxKey for the end of the collection.
        counts_undated: whether every document is examined, and counted if it has another shape: a sweep.
    """

    collection: str
    start: Id
    stop: Id
    counts_undated: bool = False

    @property
    def has_object_ids_only(self) -> bool:
        """Whether both ends are ObjectIds, so that nothing else lies between them."""
        return isinstance(self.start, ObjectId) and isinstance(self.stop, ObjectId)

    @property
    def query(self) -> dict[str, Any]:
        """The filter for the documents in the span."""
        if self.has_object_ids_only:
            return {"_id": {"$gte": self.start, "$lt": self.stop}}
        return {"$expr": {"$and": [*not_before(self.start), *_before(self.stop)]}}

    def from_id(self, start: Any) -> Work:  # noqa: ANN401 - an _id may be of any type
        """Return the part that begins with this `_id`."""
        return self.model_copy(update={"start": start})

    def until(self, stop: Any) -> Work:  # noqa: ANN401 - an _id may be of any type
        """Return the part that ends before this `_id`."""
        return self.model_copy(update={"stop": stop})

    def parts(self, first: ObjectId, last: ObjectId, count: int) -> list[Work]:
        """Return the span in parts, whose ids were created in equal spans of time.

        Args:
            first: the first ObjectId in the span that exists.
            last: the last one.
            count: maximum number of parts; a part spans at least a second.
        """
        begin, end = first.generation_time, last.generation_time + timedelta(seconds=1)
        count = max(1, min(count, ceil((end - begin).total_seconds())))
        times = [begin + (end - begin) * number / count for number in range(1, count)]
        bounds = [self.start, *(ObjectId.from_datetime(time) for time in times), self.stop]
        return [self.model_copy(update={"start": start, "stop": stop}) for start, stop in pairwise(bounds)]


def _before(stop: object) -> list[dict[str, Any]]:
    return [] if isinstance(stop, MaxKey) else [{"$lt": ["$_id", {"$literal": stop}]}]


def the_end(kind: str) -> Work:
    """Return the end of a collection, which stands for what an index on the date may still find."""
    return Work(collection=kind, start=MaxKey(), stop=MaxKey(), counts_undated=True)


class Counts(Wire):
    """Numbers of documents of one collection.

    Attributes:
        deleted: deleted by cleanup.
        undated: left alone, since they have no date.
        unrecognized: left alone, since they have another shape, or a date that cannot be.
        swept: whether every document was examined, so that the two numbers above are complete.
    """

    deleted: int = 0
    undated: int = 0
    unrecognized: int = 0
    swept: bool = True

    def plus(self, other: Counts) -> Counts:
        """Return the sums."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in ("deleted", "undated", "unrecognized")}
        return Counts(**sums, swept=self.swept and other.swept)


NOTHING = Counts()


class Done(Wire):
    """Everything that earlier runs of the same sequence did, or one run of it.

    Attributes:
        started_at: when the first run began; all runs use its clock.
        cutoff: the cutoff that follows from it.
        test_mode: whether the sequence works on the test collections.
        milliseconds: duration of all runs.
        collections: what was deleted and met, by the names without the prefix of a test run.
        archive: what was archived before it was deleted; None if nothing is archived.
        throttled: how often the throttle slowed a run down; None if it never did.
        rounds, ranges, workers, longest_ms: of workers; see messages.FanOut.
    """

    started_at: AwareDatetime
    cutoff: AwareDatetime
    test_mode: bool
    milliseconds: int = 0
    collections: dict[str, Counts] = Field(default={})
    archive: ArchiveFigures | None = None
    throttled: ThrottleFigures | None = None
    rounds: int = 0
    ranges: int = 0
    workers: int = 0
    longest_ms: int = 0

    def plus(self, other: Done) -> Done:
        """Return what both did."""
        kinds = dict(self.collections)
        for kind, counts in other.collections.items():
            kinds[kind] = kinds[kind].plus(counts) if kind in kinds else counts
        sums = {name: getattr(self, name) + getattr(other, name) for name in ("milliseconds", "rounds", "ranges")}
        largest = {name: max(getattr(self, name), getattr(other, name)) for name in ("workers", "longest_ms")}
        both = {name: added(getattr(self, name), getattr(other, name)) for name in ("archive", "throttled")}
        return self.model_copy(update={**sums, **largest, **both, "collections": kinds})

    @property
    def deleted(self) -> int:
        """Number of documents, over all collections."""
        return sum(counts.deleted for counts in self.collections.values())

    def chain(self) -> Chain:
        """Return the message fields of a sequence of runs."""
        figures = {"records_deleted": self.deleted, "execution_time_ms": self.milliseconds}
        return Chain(started_at=self.started_at, cutoff=self.cutoff, **figures)

    def fan_out(self, names: dict[str, str]) -> FanOut:
        """Return the message fields of work that was divided among workers, with the collections' names."""
        shared = {name: getattr(self, name) for name in FanOut.model_fields if name != "deleted"}
        deleted = {names.get(kind, kind): counts.deleted for kind, counts in self.collections.items()}
        return FanOut(**shared, deleted=deleted)


def added(one: FiguresT | None, other: FiguresT | None) -> FiguresT | None:
    """Return the figures of both; None if there are none."""
    return other if one is None else one.added_to(other)


class WorkerResult(Wire):
    """What a worker did, and what is left of its span."""

    done: Done
    left: tuple[Work, ...] = ()


def fitting(left: Work, given: Work) -> Work:
    """Return what is left of a span, from its beginning if the `_id` is too long for the state machine."""
    return left if len(str(to_json(left.start))) <= MAX_ID_CHARACTERS else given


def started(now: datetime, cutoff: datetime, *, test_mode: bool) -> Done:
    """Return what a new sequence has done: nothing."""
    return Done(started_at=now, cutoff=cutoff, test_mode=test_mode)
