"""What an invocation of a job came to: values that a use case returns and the frame reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypedDict, TypeVar

from joytify_common.errors import JobError, as_job_error, kind_of
from joytify_common.messages import Message


class CommonFields(TypedDict):
    """Fields of messages.CommonData."""

    timestamp: datetime
    execution_time_ms: int
    test_mode: bool | None
    request_id: str
    log_stream: str


class FailureFields(TypedDict):
    """Fields of messages.FailureData that CommonData lacks."""

    error: str
    error_type: str
    stage: str


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What every message about an invocation says apart from the job's own figures.

    Attributes:
        source: deployed name of the function.
        timestamp: when the run ended, UTC.
        execution_time_ms: how long it took, in milliseconds.
        test_mode: whether it worked on the test collections; None if it failed before that was known.
        request_id: Lambda's id of the invocation.
        log_stream: CloudWatch log stream of the invocation.
    """

    source: str
    timestamp: datetime
    execution_time_ms: int
    test_mode: bool | None
    request_id: str
    log_stream: str

    def fields(self) -> CommonFields:
        """Return the fields that every message's data has."""
        return {
            "timestamp": self.timestamp,
            "execution_time_ms": self.execution_time_ms,
            "test_mode": self.test_mode,
            "request_id": self.request_id,
            "log_stream": self.log_stream,
        }


@dataclass(frozen=True)
class Failure:
    """An error, and what the run was doing at the time."""

    error: Exception
    stage: str

    @property
    def job_error(self) -> JobError:
        """The error itself if it is ours, else one that shows no text of a library's."""
        return as_job_error(self.error, self.stage)

    def fields(self) -> FailureFields:
        """Return the fields that every error message's data has in addition."""
        error = self.job_error
        return {"error": str(error), "error_type": kind_of(error), "stage": self.stage}


class Report(Protocol):
    """What a run did, derived from its outcomes."""

    @property
    def is_complete(self) -> bool:
        """Whether the run did everything that the schedule is for."""

    def summary(self, metadata: Metadata, *, skipped: str | None = None) -> Message:
        """Return the message of a run that ended well, or was skipped for this reason."""

    def failure(self, metadata: Metadata, failure: Failure) -> Message:
        """Return the message of a failure, with what was done before it."""


ReportT = TypeVar("ReportT", bound=Report)


@dataclass(frozen=True)
class Heartbeat:
    """The run only reported the days since the last success."""

    days_since_success: float


@dataclass(frozen=True)
class Answered:
    """The run only answered its caller: nothing was changed, and nothing is published."""

    data: Mapping[str, Any]


@dataclass(frozen=True)
class Skipped:
    """The schedule is for the other mode: nothing was read or written."""

    reason: str


@dataclass(frozen=True)
class Completed(Generic[ReportT]):
    """The run ended well.

    Attributes:
        non_fatal: an error that leaves the work done, published in addition to the summary; or None.
    """

    report: ReportT
    non_fatal: Failure | None = None


@dataclass(frozen=True)
class Failed(Generic[ReportT]):
    """The run failed; the report says what was done before."""

    report: ReportT
    failure: Failure


@dataclass(frozen=True)
class Attempt(Generic[ReportT]):
    """What one invocation came to.

    Attributes:
        test_mode: whether it worked on the test collections; None if it failed before that was known.
        is_in_schedules_mode: whether it worked on the collections that the schedule's runs work on.
        is_for_caller_only: whether nothing of it is published.
    """

    outcome: Heartbeat | Answered | Skipped | Completed[ReportT] | Failed[ReportT]
    test_mode: bool | None = None
    is_in_schedules_mode: bool = False
    is_for_caller_only: bool = False


def counts_as_success(attempt: Attempt[ReportT]) -> bool:
    """Return whether the run did everything that the schedule is for, in the schedule's mode."""
    match attempt.outcome:
        case Completed(report=report):
            return attempt.is_in_schedules_mode and report.is_complete
        case _:
            return False
