"""The contract for all messages on the topic: a tagged union with a schema version.

A figure that is unavailable is None (JSON null) and is rendered as unknown. A publisher must use
exactly these fields and types; a reader ignores unknown keys, so that a newer publisher does not
break it.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

StopReason = Literal["completed", "deadline", "deletion_limit", "no_progress", "continuations_exhausted"]


class Wire(BaseModel):
    """Base of all message models: camel case in JSON, strict types, and no unknown keys except in `parse_message`."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
    )


class CommonData(Wire):
    """Fields in the data of every message.

    Attributes:
        timestamp: when the run ended, UTC.
        execution_time_ms: how long the run took, in milliseconds.
        test_mode: whether it worked on the test collections; None if it failed before that was known.
        request_id: Lambda's id of the invocation.
        log_stream: CloudWatch log stream of the invocation.
    """

    timestamp: AwareDatetime
    execution_time_ms: int
    test_mode: bool | None
    request_id: str
    log_stream: str


class FailureData(CommonData):
    """Additional fields in the data of every error message.

    Attributes:
        error: description of the error for people; it contains no secret.
        error_type: class of the error, which says whether a retry can help; see errors.py.
        stage: what the run was doing.
    """

    error: str
    error_type: str
    stage: str


class StatsFigures(Wire):
    """Figures of a stats run.

    Attributes:
        period: the month, `YYYY-MM`.
        users_processed: users with statistics for the month; None if the run did not examine them.
        users_updated: users who got the notification in this run; in a dry run, users who would get it.
        users_skipped: users who did not get the notification, or whose statistics were not built, because their
            documents cannot be read or written; the log has their ids.
        notification_id: hex id of the month's notification.
        notification_adopted: whether the month's notification already existed when the pipeline began its delivery, so
            the pipeline did not create it.
        statistics_built: number of users whose statistics the run built from plays; None if it was not asked to.
        plays_skipped: number of invalid documents among the plays, which were left out; None if the run was not asked
            to build statistics.
        socket_users_notified: users for whom the backend accepted a push.
        socket_failures: users whose push failed or was not attempted.
        socket_failure: why pushes failed; None if no push failed.
    """

    period: str | None = None
    users_processed: int | None = None
    users_updated: int = 0
    users_skipped: int = 0
    notification_id: str | None = None
    notification_adopted: bool = False
    statistics_built: int | None = None
    plays_skipped: int | None = None
    socket_users_notified: int = 0
    socket_failures: int = 0
    socket_failure: str | None = None


class StatsSummaryData(StatsFigures, CommonData):
    """Data of a stats run that did not fail.

    Pushes or the start of cleanup may have failed, and the run may have started a continuation.

    Attributes:
        cleanup_triggered: whether cleanup was started.
        cleanup_failure: why cleanup could not be started.
        continued: whether the run ran out of time and started its continuation.
        dry_run: whether the run only computed and wrote nothing.
        skipped: why the run notified nobody, such as a skipped schedule or a month already delivered; or None.
    """

    cleanup_triggered: bool = False
    cleanup_failure: str | None = None
    continued: bool = False
    dry_run: bool = False
    skipped: str | None = None


class StatsErrorData(StatsFigures, FailureData):
    """Data of a stats run that failed: the error, and what was done before it."""


class CollectionFigures(Wire):
    """Figures of a cleanup run for one collection; all are numbers of documents.

    Attributes:
        name: the collection.
        found: expired before the run.
        deleted: deleted by the run.
        remaining: expired documents that are left in the part of the collection that `scope` covers.
        undated: without a date in the date field, and left alone; None if not every document was examined.
        unrecognized: not of the current schema, or with an invalid date, and left alone; None if not every document was
            examined.
        scope: which documents were examined. `sweep`: every document. `ordinary`: documents with an
            ObjectId from before the cutoff, and documents with another type of `_id`. An expired document with a
            newer ObjectId (for example, one that was imported later) is included only if the date field is indexed;
            otherwise the next sweep finds it.
    """

    name: str
    found: int | None
    deleted: int
    remaining: int | None
    undated: int | None
    unrecognized: int | None = None
    scope: Literal["ordinary", "sweep"] | None = None


class Storage(Wire):
    """How full the database is: data and indexes, in bytes.

    Attributes:
        growth_bytes_per_day: net growth per day: added in the last 7 days minus expiring in the
            next 7; negative if the database shrinks.
        days_until_full: days until the limit is reached, with a cleanup every 7 days; None if it is never
            reached, or without a trend (`growth_bytes_per_day` is None).
        percent: used share of the limit.
        percent_before_next_cleanup: expected `percent` in a week, just before the next cleanup, if as much data is
            added as in the last week.
        alert: whether `percent` is above STORAGE_ALERT_PERCENT.
    """

    used_bytes: int
    limit_bytes: int
    percent: float
    growth_bytes_per_day: float | None = None
    days_until_full: float | None = None
    percent_before_next_cleanup: float | None = None
    alert: bool = False


class ArchiveFigures(Wire):
    """Figures of the objects written to the archive bucket."""

    objects: int
    documents: int
    bytes: int

    def plus(self, other: ArchiveFigures) -> ArchiveFigures:
        """Return the sum of both figures."""
        return ArchiveFigures(**{name: getattr(self, name) + getattr(other, name) for name in type(self).model_fields})


class ThrottleFigures(Wire):
    """How often a run slowed down because the server was slower than usual.

    Attributes:
        times: number of batches during which the server was slow.
        paused_ms: total duration of the extra pauses.
        slowdown: time per document in the slowest of these batches, as a multiple of the usual time.
    """

    times: int
    paused_ms: int
    slowdown: float

    def plus(self, others: ThrottleFigures) -> ThrottleFigures:
        """Return the combined figures."""
        return ThrottleFigures(
            times=self.times + others.times,
            paused_ms=self.paused_ms + others.paused_ms,
            slowdown=max(self.slowdown, others.slowdown),
        )


class Chain(Wire):
    """A sequence of runs, each of which continues the previous run; this run is the last so far.

    Attributes:
        started_at: when the first run began; all runs of the sequence use this time as "now".
        cutoff: the cutoff derived from `started_at`; None in a message from an older version.
        records_deleted: number of records deleted by all runs so far.
        execution_time_ms: duration of all runs so far.
    """

    started_at: AwareDatetime
    cutoff: AwareDatetime | None = None
    records_deleted: int = 0
    execution_time_ms: int = 0


class FanOut(Wire):
    """The combined work of the parallel workers among which a cleanup was divided.

    The last cleanup run, which follows all workers, reports these figures.

    Attributes:
        started_at: when the work was planned; all runs use this time as "now".
        cutoff: the cutoff derived from `started_at`.
        test_mode: whether the work is on the test collections; work on the production collections fails if
            SCHEDULE_MODE changes to `test_auto`.
        rounds: number of times that the work was divided into spans: 1, plus 1 each time that unfinished spans were
            divided again.
        spans: number of planned spans; a span is a range of `_id` of one collection.
        workers: maximum number of workers that could run concurrently.
        longest_ms: duration of the longest run of a worker; each run examines one span.
        deleted: number of deleted records by collection name.
        archive: figures of what the workers archived; None if archiving is off.
    """

    started_at: AwareDatetime
    cutoff: AwareDatetime
    test_mode: bool
    rounds: int = 0
    spans: int = 0
    workers: int = 0
    longest_ms: int = 0
    deleted: dict[str, int] = {}
    archive: ArchiveFigures | None = None

    @property
    def records_deleted(self) -> int:
        """Number of records that the workers deleted in all collections."""
        return sum(self.deleted.values())


class Estimate(Wire):
    """Size of the expired documents and duration of a real run, as a dry run estimates them."""

    bytes: int
    seconds: float


class CleanupFigures(Wire):
    """Figures of a cleanup run.

    Attributes:
        records_deleted: number of deleted records in all collections.
        collections: figures of each collection.
        cutoff_date: documents older than this are expired.
        triggered_by: who started the run.
        continuation: 0 for the first run of a sequence.
        chain: totals of all runs of the sequence so far.
        archive: figures of what was archived before deletion; None if archiving is off.
        throttled: how often the run slowed down for the server; None if it never did.
        fan_out: the part that parallel workers did; None if the work was not divided among workers.
    """

    records_deleted: int = 0
    collections: tuple[CollectionFigures, ...] = ()
    cutoff_date: AwareDatetime | None = None
    triggered_by: str = "manual"
    continuation: int = 0
    chain: Chain | None = None
    archive: ArchiveFigures | None = None
    throttled: ThrottleFigures | None = None
    fan_out: FanOut | None = None


class CleanupSummaryData(CleanupFigures, CommonData):
    """Data of a cleanup run that did not fail.

    Attributes:
        total_records_found: number of expired records before the run.
        remaining_records: number of expired records after the run.
        completion_percentage: share of the found records that were deleted; 100 if none were found.
        stop_reason: why the run stopped.
        dry_run: whether the run only computed and wrote nothing.
        skipped: reason why the run did nothing; None if it was not skipped.
        storage: how full the database is after the run.
        estimate: size and duration that a dry run expects of a real run.
        continued: whether the next run of the sequence was started.
    """

    total_records_found: int | None = None
    remaining_records: int | None = None
    completion_percentage: float | None = None
    # Typed as str, not as StopReason, so that a reader accepts the reasons of newer and older publishers.
    stop_reason: str = "completed"
    dry_run: bool = False
    skipped: str | None = None
    storage: Storage | None = None
    estimate: Estimate | None = None
    continued: bool = False


class CleanupErrorData(CleanupFigures, FailureData):
    """Data of a cleanup run that failed: the error, and what was done before it."""


class _Message(Wire):
    schema_version: Literal[1] = Field(1, alias="schema")
    source: str


class MonthlyStatsSummary(_Message):
    """A stats run ended without failing."""

    type: Literal["monthly_stats_summary"] = "monthly_stats_summary"
    data: StatsSummaryData


class MonthlyStatsError(_Message):
    """A stats run failed."""

    type: Literal["monthly_stats_error"] = "monthly_stats_error"
    data: StatsErrorData


class CleanupSummary(_Message):
    """A cleanup run ended without failing."""

    type: Literal["cleanup_summary"] = "cleanup_summary"
    data: CleanupSummaryData


class CleanupError(_Message):
    """A cleanup run failed."""

    type: Literal["cleanup_error"] = "cleanup_error"
    data: CleanupErrorData


Message = MonthlyStatsSummary | MonthlyStatsError | CleanupSummary | CleanupError
MESSAGE_TYPES = frozenset(str(kind.model_fields["type"].default) for kind in get_args(Message))

_ADAPTER: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


def parse_message(text: str | bytes) -> Message:
    """Return the message in the text.

    Raises:
        pydantic.ValidationError: the text is not a message of this contract.
    """
    return _ADAPTER.validate_json(text, extra="ignore", strict=False)
