"""The work list: the spans still to examine, and the figures of earlier runs of the sequence."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from math import ceil
from typing import Any, TypeVar

from bson import MaxKey, ObjectId
from pydantic import AwareDatetime, Field

from joytify_cleanup.retention import Kind
from joytify_common.ids import Id, compared, to_json
from joytify_common.messages import ArchiveFigures, Chain, FanOut, ThrottleFigures, Wire

FIRST_OBJECT_ID, LAST_OBJECT_ID = ObjectId("0" * 24), ObjectId("f" * 24)
FiguresT = TypeVar("FiguresT", ArchiveFigures, ThrottleFigures)
# Maximum length of an `_id` in a result that Step Functions passes between states.
MAX_ID_CHARACTERS = 300


class Work(Wire):
    """One span of one collection that is still to be examined.

    Attributes:
        start: the first `_id`, of any BSON type.
        stop: the `_id` after the last; MaxKey for the end of the collection.
        counts_undated: whether the span is part of a sweep, which examines every document and
            counts the undated and unrecognized documents.
    """

    collection: Kind
    start: Id
    stop: Id
    counts_undated: bool = False

    @property
    def has_object_ids_only(self) -> bool:
        """Whether both ends are ObjectIds, so that the span contains only ObjectIds."""
        return isinstance(self.start, ObjectId) and isinstance(self.stop, ObjectId)

    @property
    def query(self) -> dict[str, Any]:
        """The filter for the documents in the span."""
        if self.has_object_ids_only:
            return {"_id": {"$gte": self.start, "$lt": self.stop}}
        # An upper end of MaxKey includes MaxKey.
        before = [] if isinstance(self.stop, MaxKey) else [compared("$lt", self.stop)]
        return {"$expr": {"$and": [compared("$gte", self.start), *before]}}

    def cut(self, **ends: Any) -> Work:  # noqa: ANN401 - an _id may be of any type
        """Return the part with another `start` or `stop`."""
        return self.model_copy(update=ends)

    def parts(self, first: ObjectId, last: ObjectId, count: int) -> list[Work]:
        """Return the span split into parts that cover equal periods of creation time.

        Args:
            first: the first existing ObjectId in the span.
            last: the last existing ObjectId in the span.
            count: maximum number of parts; a part covers at least one second.
        """
        begin, end = first.generation_time, last.generation_time + timedelta(seconds=1)
        count = max(1, min(count, ceil((end - begin).total_seconds())))
        times = [begin + (end - begin) * number / count for number in range(1, count)]
        bounds = [self.start, *(ObjectId.from_datetime(time) for time in times), self.stop]
        return [self.cut(start=start, stop=stop) for start, stop in pairwise(bounds)]


def the_end(kind: Kind) -> Work:
    """Return an empty span at the end of a collection.

    A run that is given this span goes directly to the documents that the date index finds.
    """
    return Work(collection=kind, start=MaxKey(), stop=MaxKey(), counts_undated=True)


class Counts(Wire):
    """Numbers of documents of one collection.

    Attributes:
        deleted: deleted by cleanup.
        undated: left alone because they have no date.
        unrecognized: left alone because they are not of the current schema or have an invalid date.
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


class Done(Wire):
    """Figures of one run of a sequence, or of all its runs so far.

    Attributes:
        started_at: when the first run began; all runs use this time as "now".
        cutoff: the cutoff derived from `started_at`.
        test_mode: whether the sequence works on the test collections.
        milliseconds: total duration of the runs.
        collections: counts by collection name without the test-mode prefix.
        archive: figures of what was archived before deletion; None if archiving is off.
        throttled: how often the throttle slowed a run down; None if it never did.
        rounds, spans, workers, longest_ms: figures of workers; see messages.FanOut.
    """

    started_at: AwareDatetime
    cutoff: AwareDatetime
    test_mode: bool
    milliseconds: int = 0
    collections: dict[str, Counts] = Field(default={})
    archive: ArchiveFigures | None = None
    throttled: ThrottleFigures | None = None
    rounds: int = 0
    spans: int = 0
    workers: int = 0
    longest_ms: int = 0

    def of_run(self, **figures: Any) -> Done:  # noqa: ANN401 - fields of this class
        """Return the figures of one run of the same sequence; figures that are not given are zero."""
        return Done(started_at=self.started_at, cutoff=self.cutoff, test_mode=self.test_mode, **figures)

    def plus(self, other: Done) -> Done:
        """Return the sum of both figures."""
        kinds = dict(self.collections)
        for kind, counts in other.collections.items():
            kinds[kind] = kinds[kind].plus(counts) if kind in kinds else counts
        sums = {name: getattr(self, name) + getattr(other, name) for name in ("milliseconds", "rounds", "spans")}
        largest = {name: max(getattr(self, name), getattr(other, name)) for name in ("workers", "longest_ms")}
        both = {name: added(getattr(self, name), getattr(other, name)) for name in ("archive", "throttled")}
        return self.model_copy(update={**sums, **largest, **both, "collections": kinds})

    @property
    def deleted(self) -> int:
        """Number of documents deleted in all collections."""
        return sum(counts.deleted for counts in self.collections.values())

    def chain(self) -> Chain:
        """Return the message fields of a sequence of runs."""
        figures = {"records_deleted": self.deleted, "execution_time_ms": self.milliseconds}
        return Chain(started_at=self.started_at, cutoff=self.cutoff, **figures)

    def fan_out(self, names: dict[str, str]) -> FanOut:
        """Return the message fields for workers, given the collections' names by kind."""
        shared = {name: getattr(self, name) for name in FanOut.model_fields if name != "deleted"}
        deleted = {names.get(kind, kind): counts.deleted for kind, counts in self.collections.items()}
        return FanOut(**shared, deleted=deleted)


def added(one: FiguresT | None, other: FiguresT | None) -> FiguresT | None:
    """Return the sum of both figures; None if both are None."""
    return one or other if one is None or other is None else one.plus(other)


class WorkerResult(Wire):
    """A worker's figures, and the spans that it did not finish."""

    done: Done
    left: tuple[Work, ...] = ()


def rest_or_whole_span(left: Work, given: Work) -> Work:
    """Return the rest of a span, or the whole span if the first `_id` of the rest is too long for Step Functions."""
    return left if len(str(to_json(left.start))) <= MAX_ID_CHARACTERS else given
