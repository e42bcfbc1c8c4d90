"""The event of the cleanup function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationInfo, field_validator

from joytify_cleanup.ranges import TimeRange
from joytify_cleanup.scope import Position
from joytify_cleanup.steps import PlannedRange, StepFailure, WorkerResult
from joytify_common.events import JobEvent
from joytify_common.messages import Chain, FanOut

if TYPE_CHECKING:
    from datetime import datetime

    from joytify_common.collections import CollectionNames
    from joytify_common.secrets import ScheduleMode

BY_A_CONTINUATION, BY_THE_STATE_MACHINE = "set by a continuation", "set by the state machine"


class CleanupEvent(JobEvent):
    """Keys of the cleanup function's event."""

    allow_above_limit: bool = Field(default=False, description="true or false")
    sweep: bool = Field(
        default=False, description="true to examine every document, unless an index on the date serves; or false"
    )
    collection: Literal["playbacks", "sessions"] | None = Field(default=None, description="playbacks or sessions")
    time_range: TimeRange | None = Field(
        default=None,
        alias="range",
        description='{"from": time, "to": time}, half-open, by the time in _id, with offsets; and a collection',
    )
    chain: Chain | None = Field(default=None, description=BY_A_CONTINUATION)
    positions: dict[str, Position] = Field(default={}, description=BY_A_CONTINUATION)

    plan: bool = Field(
        default=False, description="true to only answer how to divide the work, or false; not with a range"
    )
    server_capacity: int | None = Field(
        default=None, ge=1, le=1000, description="1 to 1000 workers at once that the server is faster with; for a plan"
    )
    max_workers: int | None = Field(
        default=None, ge=1, le=1000, description="1 to 1000 workers at once that are allowed; for a plan"
    )
    worker: bool = Field(default=False, description="true to report to the caller only, or false; with a range")
    fan_out: FanOut | None = Field(default=None, description=BY_THE_STATE_MACHINE)
    results: tuple[WorkerResult, ...] = Field(default=(), description=BY_THE_STATE_MACHINE)
    pending: tuple[PlannedRange, ...] = Field(default=(), description=BY_THE_STATE_MACHINE)
    failure: StepFailure | None = Field(default=None, description=BY_THE_STATE_MACHINE)

    @classmethod
    def is_for_caller_only(cls, raw: object) -> bool:
        """Return whether the run is a step of the state machine, which tells what all came to; or only a plan."""
        return isinstance(raw, Mapping) and any(raw.get(key) is True for key in ("plan", "worker"))

    def runs_in_test_mode(self, schedule_mode: ScheduleMode) -> bool:
        """Return whether the run works on the test collections; the steps of an execution all on the same."""
        return super().runs_in_test_mode(schedule_mode) if self.fan_out is None else self.fan_out.test_mode

    def skip_reason(self, schedule_mode: ScheduleMode) -> str | None:
        """Return why a scheduled event is not for now; None if it is, or if its execution has begun."""
        return super().skip_reason(schedule_mode) if self.fan_out is None else None

    def concerns(self, collection: str, names: CollectionNames) -> bool:
        """Return whether the run is for this collection, of a set of names."""
        return self.collection is None or collection == getattr(names, self.collection)

    def clock(self, now: datetime) -> datetime:
        """Return the time by which a document is old: the same for all runs of a sequence, and never ahead of `now`."""
        if self.chain is not None:
            return min(self.chain.started_at, now)
        return now if self.fan_out is None else min(self.fan_out.started_at, now)

    def is_at(self, cutoff: datetime) -> bool:
        """Return whether what earlier runs decided holds: a setting may have changed since."""
        earlier = [each.cutoff for each in (self.chain, self.fan_out) if each is not None]
        return bool(earlier) and all(each == cutoff for each in earlier)

    @field_validator("time_range")
    @classmethod
    def _has_a_collection(cls, value: TimeRange | None, info: ValidationInfo) -> TimeRange | None:
        if value is not None and info.data.get("collection") is None:
            raise ValueError("it needs a collection")
        return value

    @field_validator("plan")
    @classmethod
    def _is_for_all_times(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's
        if value and info.data.get("time_range") is not None:
            raise ValueError("it cannot be confined to a range")
        return value

    @field_validator("worker")
    @classmethod
    def _has_a_range(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's
        if value and info.data.get("time_range") is None:
            raise ValueError("it needs a range")
        return value
