"""What the steps of the state machine tell one another (terraform/fan_out.asl.json)."""

from __future__ import annotations

import json
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from bson import ObjectId
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from joytify_cleanup.ranges import TimeRange
from joytify_cleanup.scope import from_text
from joytify_common.errors import PermanentError
from joytify_common.messages import ArchiveFigures, FanOut
from joytify_common.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from joytify_cleanup.scope import Position

STAGE = "fan-out"
CHANGED = "CLEANUP_DAYS has changed since the work was planned: start the state machine again"


CollectionKind = Literal["playbacks", "sessions"]


class _Strict(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        strict=True,
        frozen=True,
    )


class PlannedRange(_Strict):
    """The work of one worker, or of several.

    Attributes:
        collection: `playbacks` or `sessions`, whatever the mode.
        time_range: of the times in `_id`.
        documents: about how many have expired in it; None if unknown.
    """

    collection: CollectionKind
    time_range: TimeRange = Field(alias="range")
    documents: int | None = None


class WorkerResult(_Strict):
    """What a worker did of its range.

    Attributes:
        collection: `playbacks` or `sessions`, whatever the mode.
        deleted: number of records.
        milliseconds: how long it took.
        archive: what was archived before; None if nothing is archived.
        left: what of its range it had no time for; None if it had for all.
        remaining: about how many expired records are left there; None if unknown.
    """

    collection: CollectionKind
    deleted: int
    milliseconds: int
    archive: ArchiveFigures | None = None
    left: TimeRange | None = None
    remaining: int | None = None


class StepFailure(BaseModel):
    """What Step Functions says of a step that failed in each of its attempts.

    Attributes:
        error: name of the error.
        cause: what is known of it; of a function's error JSON with `errorMessage`.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    error: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")

    def failure(self) -> Failure:
        """Return it as the error of the run that reports it."""
        return Failure(PermanentError(f"{self.error}: {_message(self.cause)}"), STAGE)


def _message(cause: str) -> str:
    try:
        told: Any = json.loads(cause)
    except ValueError:
        return cause
    return str(told.get("errorMessage", cause)) if isinstance(told, dict) else cause


def with_results(fan_out: FanOut, results: Sequence[WorkerResult], names: Mapping[CollectionKind, str]) -> FanOut:
    """Return what all workers did, these among them.

    Args:
        fan_out: what those before them did.
        results: of a round.
        names: the collections' names by the results' `collection`.
    """
    deleted = dict(fan_out.deleted)
    for each in results:
        name = names[each.collection]
        deleted[name] = deleted.get(name, 0) + each.deleted
    longest = max((each.milliseconds for each in results), default=0)
    archives = [each for each in (fan_out.archive, *(result.archive for result in results)) if each is not None]
    archive = reduce(lambda total, each: each.added_to(total), archives) if archives else None
    changes = {"deleted": deleted, "longest_ms": max(fan_out.longest_ms, longest), "archive": archive}
    return fan_out.model_copy(update=changes)


def with_plan(fan_out: FanOut, *, ranges: int, workers: int) -> FanOut:
    """Return it with a round of ranges that are about to be worked on; without any there is no round."""
    if not ranges:
        return fan_out
    changes = {
        "rounds": fan_out.rounds + 1,
        "ranges": fan_out.ranges + ranges,
        "workers": max(fan_out.workers, workers),
    }
    return fan_out.model_copy(update=changes)


def remainder(whole: TimeRange, positions: Mapping[str, Position]) -> TimeRange | None:
    """Return what is left of a range, from the second in which the run stopped; None if that is nothing."""
    (position,) = positions.values()
    resume = from_text(position.resume)
    start = max(whole.start, resume.generation_time) if isinstance(resume, ObjectId) else whole.start
    return TimeRange(start=start, end=whole.end) if start < whole.end else None
