"""The outcome of a job's invocation: the values that a use case returns and `job.Job` handles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from joytify_common.errors import JobError, as_job_error, kind_of
from joytify_common.messages import CommonData, Message


@dataclass(frozen=True)
class Metadata:
    """The fields of a message that describe the invocation and are the same for every job.

    Attributes:
        source: deployed name of the function.
        common: fields of every message's data.
    """

    source: str
    common: CommonData


@dataclass(frozen=True)
class Failure:
    """An error, and what the run was doing at the time."""

    error: Exception
    stage: str

    @property
    def job_error(self) -> JobError:
        """The error if it is a JobError, else a PermanentError without the library's text."""
        return as_job_error(self.error, self.stage)

    def fields(self) -> dict[str, Any]:
        """Return the fields that messages.FailureData adds to the fields of messages.CommonData."""
        error = self.job_error
        return {"error": str(error), "error_type": kind_of(error), "stage": self.stage}


class Report(Protocol):
    """The results of a run, which become its messages."""

    @property
    def is_complete(self) -> bool:
        """Whether the run did all the work that it is scheduled for."""

    def summary(self, metadata: Metadata, *, skipped: str | None = None) -> Message:
        """Return the message of a run that did not fail, or that was skipped for the given reason."""

    def failure(self, metadata: Metadata, failure: Failure) -> Message:
        """Return the message of a failure, with the figures of the work done before it."""


ReportT = TypeVar("ReportT", bound=Report)


@dataclass(frozen=True)
class Heartbeat:
    """The run only reported the days since the last success."""

    days_since_success: float


@dataclass(frozen=True)
class Answered:
    """The run's result goes to its caller only; nothing is published."""

    data: Mapping[str, Any]


@dataclass(frozen=True)
class Skipped:
    """The schedule belongs to the other SCHEDULE_MODE, so the run did nothing."""

    reason: str


@dataclass(frozen=True)
class Completed(Generic[ReportT]):
    """The run did not fail.

    Attributes:
        late_failure: an error that occurred after the work was done, or None; it is published in addition to the
            summary.
    """

    report: ReportT
    late_failure: Failure | None = None


@dataclass(frozen=True)
class Failed(Generic[ReportT]):
    """The run failed; the report covers the work done before the failure."""

    report: ReportT
    failure: Failure


@dataclass(frozen=True)
class Invocation(Generic[ReportT]):
    """What one invocation did, and in which mode.

    Attributes:
        test_mode: whether it worked on the test collections; None if it failed before that was known.
        uses_scheduled_collections: whether it worked on the same collections as the scheduled runs.
        is_for_caller_only: whether the outcome is returned to the caller and not published.
    """

    outcome: Heartbeat | Answered | Skipped | Completed[ReportT] | Failed[ReportT]
    test_mode: bool | None = None
    uses_scheduled_collections: bool = False
    is_for_caller_only: bool = False

    @property
    def is_success(self) -> bool:
        """Whether the run did all the work that it is scheduled for, in the schedule's mode."""
        is_complete = isinstance(self.outcome, Completed) and self.outcome.report.is_complete
        return is_complete and self.uses_scheduled_collections
