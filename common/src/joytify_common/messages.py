"""THE contract: every message on the topic, a tagged union with a schema version.

A figure that is unavailable is None (JSON null), and is rendered as unknown. A publisher is held to the fields and
their types; a reader ignores keys that it does not know, so that a newer publisher does not break it.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

ProcessingMode = Literal["none", "direct", "batch"]
ScopeName = Literal["ordinary", "sweep"]
StopReason = Literal["completed", "deadline", "brake", "no_progress", "continuations_exhausted"]


class Wire(BaseModel):
    """A value as JSON: camel case, strictly typed, and no key that it does not know."""

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
    """What every message's data holds.

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
    """What every error message's data holds in addition.

    Attributes:
        error: what happened, for people; it holds no secret.
        error_type: kind of the error, which tells whether a retry can help; see errors.py.
        stage: what the run was doing.
    """

    error: str
    error_type: str
    stage: str


class StatsFigures(Wire):
    """What a stats run did.

    Attributes:
        period: the month, `YYYY-MM`.
        notifications_created: 1 where this run created the notification, else 0.
        users_processed: users with statistics for the month that were looked at.
        users_updated: users that got the notification in this run.
        users_skipped: users who are entitled to the notification, or to statistics, but whose documents cannot be
            read or written; the log has their ids.
        notification_id: hex id of the month's notification.
        notification_adopted: whether the notification was there before the first delivery, of another system.
        statistics_built: elements that were built from plays; None if none were to be built.
        plays_skipped: documents among the plays that are none, and were left out of them; None as above.
        socket_users_notified: users pushed to the backend.
        socket_failures: users whose push failed.
        socket_failure: why pushes failed; None if none did.
    """

    period: str | None = None
    notifications_created: int = 0
    users_processed: int = 0
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
    """Data of a stats run that ended well.

    Attributes:
        cleanup_triggered: whether cleanup was started.
        cleanup_failure: why cleanup could not be started.
        continued: whether the run ran out of time and started its continuation.
        dry_run: whether nothing was written.
        skipped: why nothing had to be done; None if something had.
    """

    cleanup_triggered: bool = False
    cleanup_failure: str | None = None
    continued: bool = False
    dry_run: bool = False
    skipped: str | None = None


class StatsErrorData(StatsFigures, FailureData):
    """Data of a stats run that failed: the error, and what was done before it."""


class CollectionFigures(Wire):
    """What cleanup met and did in one collection; all are numbers of documents.

    Attributes:
        name: the collection.
        found: expired before the run.
        deleted: deleted by the run.
        remaining: expired after the run, as far as it examined the collection.
        undated: without a date in the date field, and left alone; None if not every document was examined.
        unrecognized: in another shape than today's, or with a date that cannot be, and left alone; None as above.
        scope: what was examined: `sweep` is every document, `ordinary` what was created before the cutoff by its `_id`,
            and what an index on the date finds. Documents that were imported with newer ids wait for the next sweep.
    """

    name: str
    found: int | None
    deleted: int
    remaining: int | None
    undated: int | None
    unrecognized: int | None = None
    scope: ScopeName | None = None


class Storage(Wire):
    """How full the database is: data and indexes, in bytes.

    Attributes:
        growth_bytes_per_day: what the last 7 days added less what expires in the next 7, a day; negative if it shrinks.
        days_until_full: at that growth; None if it is never full.
        percent_before_next_cleanup: how full it will be after a week like the last.
        alert: whether it is fuller than STORAGE_ALERT_PERCENT.
    """

    used_bytes: int
    limit_bytes: int
    percent: float
    growth_bytes_per_day: float | None = None
    days_until_full: float | None = None
    percent_before_next_cleanup: float | None = None
    alert: bool = False


class ArchiveFigures(Wire):
    """What was written to the archive bucket."""

    objects: int
    documents: int
    bytes: int

    def added_to(self, others: ArchiveFigures | None) -> ArchiveFigures:
        """Return what both wrote."""
        if others is None:
            return self
        return ArchiveFigures(
            objects=self.objects + others.objects,
            documents=self.documents + others.documents,
            bytes=self.bytes + others.bytes,
        )


class ThrottleFigures(Wire):
    """How often a run slowed down, since the server took longer than usual.

    Attributes:
        times: number of batches after which it did.
        paused_ms: duration of the extra pauses.
        slowdown: the slowest of these batches, in times the usual duration for a document.
    """

    times: int
    paused_ms: int
    slowdown: float

    def added_to(self, others: ThrottleFigures | None) -> ThrottleFigures:
        """Return the figures of both."""
        if others is None:
            return self
        return ThrottleFigures(
            times=self.times + others.times,
            paused_ms=self.paused_ms + others.paused_ms,
            slowdown=max(self.slowdown, others.slowdown),
        )


class Chain(Wire):
    """A sequence of runs that continue one another, this one included.

    Attributes:
        started_at: when the first run began; all runs use its clock.
        cutoff: the cutoff that follows from it; None in a sequence of an older version.
        records_deleted: by all runs so far.
        execution_time_ms: of all runs so far.
    """

    started_at: AwareDatetime
    cutoff: AwareDatetime | None = None
    records_deleted: int = 0
    execution_time_ms: int = 0


class FanOut(Wire):
    """What workers did of a cleanup that was divided among them, before the run that reports it.

    Attributes:
        started_at: when the work was planned; all runs use this clock.
        cutoff: the cutoff that follows from it.
        test_mode: whether the work is on the test collections, whatever the secret says by now.
        rounds: how often ranges were planned: once, and again for what was left of them.
        ranges: number of ranges that were planned.
        workers: most at once.
        longest_ms: duration of the range that took longest.
        deleted: number of records, by the collections' names.
        archive: what the workers archived before they deleted it; None if nothing is archived.
    """

    started_at: AwareDatetime
    cutoff: AwareDatetime
    test_mode: bool
    rounds: int = 0
    ranges: int = 0
    workers: int = 0
    longest_ms: int = 0
    deleted: dict[str, int] = {}
    archive: ArchiveFigures | None = None

    @property
    def records_deleted(self) -> int:
        """Over all collections."""
        return sum(self.deleted.values())


class Estimate(Wire):
    """What a dry run says of the real one."""

    bytes: int
    seconds: float


class CleanupFigures(Wire):
    """What a cleanup run did.

    Attributes:
        records_deleted: over all collections.
        collections: the same for each collection.
        cutoff_date: documents older than this are expired.
        triggered_by: who started the run.
        continuation: 0 for the first run of a sequence.
        chain: the runs of the sequence together.
        archive: what was archived before it was deleted; None if nothing is archived.
        throttled: how often the run slowed down for the server; None if it never did.
        fan_out: what of all this workers did, if the work was divided among them; None if it was not.
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
    """Data of a cleanup run that ended well.

    Attributes:
        total_records_found: expired before the run.
        remaining_records: expired after the run.
        completion_percentage: deleted of found, 100 if none was found.
        was_timeout_stopped: whether the deadline ended the run.
        stop_reason: why it ended.
        processing_mode: `none` deleted nothing, `direct` needed one batch, `batch` several.
        batch_size: most documents in a batch.
        dry_run: whether nothing was written.
        skipped: why nothing had to be done; None if something had.
        storage: how full the database is after the run.
        estimate: what a dry run expects of the real one.
        continued: whether the next run of the sequence was started.
    """

    total_records_found: int | None = None
    remaining_records: int | None = None
    completion_percentage: float | None = None
    was_timeout_stopped: bool = False
    stop_reason: StopReason = "completed"
    processing_mode: ProcessingMode = "none"
    batch_size: int = 0
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

    def to_json(self) -> str:
        """Return the message as it is published."""
        return self.model_dump_json()


class MonthlyStatsSummary(_Message):
    """A stats run ended well."""

    type: Literal["monthly_stats_summary"] = "monthly_stats_summary"
    data: StatsSummaryData


class MonthlyStatsError(_Message):
    """A stats run failed."""

    type: Literal["monthly_stats_error"] = "monthly_stats_error"
    data: StatsErrorData


class CleanupSummary(_Message):
    """A cleanup run ended well."""

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
        pydantic.ValidationError: it is none of this contract.
    """
    return _ADAPTER.validate_json(text, extra="ignore", strict=False)
