"""The event of the cleanup function."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from joytify_cleanup.retention import POLICIES, Kind, cutoff
from joytify_cleanup.work import Done, Work, WorkerResult
from joytify_common.errors import PermanentError
from joytify_common.events import JobEvent, flag
from joytify_common.outcome import Failure
from joytify_common.secrets import ScheduleMode

BY_A_RUN = "a value written by the previous run or the state machine, not by hand"
BY_THE_STATE_MACHINE = "a value written by the state machine, not by hand"
# This many spans and results fit into the 256 KiB that Step Functions passes between states:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_WORKERS = 64
# The clocks of two machines may differ by this much.
CLOCK_TOLERANCE = timedelta(minutes=5)


class StepFailure(BaseModel):
    """A step that failed all its attempts, as Step Functions describes it: error name and cause."""

    model_config = ConfigDict(strict=True, frozen=True)

    error: str = Field(alias="Error")
    cause: str = Field(default="", alias="Cause")

    def as_failure(self) -> Failure:
        """Return the step's failure as the run reports it."""
        return Failure(PermanentError(f"{self.error}: {_message(self.cause)}"), "fan-out")


def _message(cause: str) -> str:
    try:
        value: Any = json.loads(cause)
    except ValueError:
        return cause
    return str(value.get("errorMessage", cause)) if isinstance(value, dict) else cause


class CleanupEvent(JobEvent):
    """Keys of the cleanup function's event."""

    FOR_CALLER_ONLY = ("plan", "worker")

    ignore_deletion_limit: bool = flag("Deletes even if the expired share exceeds the deletion limit.")
    sweep: bool = flag("Examines every document instead of only those created before the cutoff.")
    collection: Kind | None = Field(
        default=None, title="Cleans only this collection.", description=" or ".join(POLICIES)
    )
    plan: bool = flag("Only returns how to divide the work among workers.")
    workers: int = Field(
        default=1,
        ge=1,
        le=MAX_WORKERS,
        title="Number of workers among which the plan divides the work.",
        description=f"1 to {MAX_WORKERS}",
    )
    worker: bool = Field(
        default=False,
        title="Runs as a worker of the state machine: returns its figures and publishes no message.",
        description="true or false; needs todo and done",
    )
    todo: tuple[Work, ...] | None = Field(
        default=None, title="Spans that are still to be examined.", description=BY_A_RUN
    )
    done: Done | None = Field(default=None, title="Figures of the earlier runs of the sequence.", description=BY_A_RUN)
    results: tuple[WorkerResult, ...] = Field(
        default=(),
        title="Results of the workers that the state machine started for the last plan.",
        description=BY_THE_STATE_MACHINE,
    )
    failure: StepFailure | None = Field(
        default=None, title="Error of a step that failed in all its attempts.", description=BY_THE_STATE_MACHINE
    )

    @model_validator(mode="after")
    def _check_combination(self) -> CleanupEvent:
        if self.worker and (self.plan or self.todo is None or self.done is None):
            raise ValueError("worker needs todo and done, and cannot be combined with plan")
        if (self.continuation or self.todo is not None or self.results) and self.done is None:
            raise ValueError("continuation, todo and results need done")
        return self

    def runs_in_test_mode(self, schedule_mode: ScheduleMode) -> bool:
        """Return whether the run works on the test collections; it does if its sequence's first run did."""
        return super().runs_in_test_mode(schedule_mode) or (self.done is not None and self.done.test_mode)

    def skip_reason(self, schedule_mode: ScheduleMode) -> str | None:
        """Return why this event is skipped, or None; a run of a sequence that has started is never skipped."""
        return super().skip_reason(schedule_mode) if self.done is None else None

    def done_before(self, now: datetime, days: int, *, test_mode: bool) -> Done:
        """Return the figures of the earlier runs and when the first began; a first run gets zeros and `now`.

        Raises:
            PermanentError: the retention period or the mode has changed since the first run, or the
                first run is in the future.
        """
        if self.done is None:
            return Done(started_at=now, cutoff=cutoff(now, days), test_mode=test_mode)
        if self.done.started_at > now + CLOCK_TOLERANCE:
            raise PermanentError("event: done: startedAt is in the future")
        if self.done.cutoff != cutoff(self.done.started_at, days):
            raise PermanentError("CLEANUP_DAYS has changed since the first run: start cleanup again")
        if self.done.test_mode != test_mode:
            raise PermanentError("SCHEDULE_MODE has changed since the first run: start cleanup again")
        return self.done_so_far() or self.done

    def done_so_far(self) -> Done | None:
        """Return the figures of earlier runs, including the workers of the last plan; None in a first run."""
        results = [result.done for result in self.results]
        return None if self.done is None else reduce(Done.plus, results, self.done)

    def next(self, todo: Sequence[Work], done: Done) -> CleanupEvent:
        """Return the event of the run that continues this one."""
        spans = [work.model_dump(mode="json") for work in todo]
        return self.following(testMode=done.test_mode, todo=spans, done=done.model_dump(mode="json"), results=[])
