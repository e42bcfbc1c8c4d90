"""What a stats run did, derived from what became of its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from bson import ObjectId

from joytify_common.messages import (
    MonthlyStatsError,
    MonthlyStatsSummary,
    StatsErrorData,
    StatsSummaryData,
)
from joytify_common.outcome import Failure, Metadata
from joytify_stats.built import Built
from joytify_stats.chunks import ChunkOutcome
from joytify_stats.pushes import PushTotals


class StatsFields(TypedDict):
    """Fields of messages.StatsFigures."""

    period: str | None
    notifications_created: int
    users_processed: int
    users_updated: int
    users_skipped: int
    notification_id: str | None
    notification_adopted: bool
    statistics_built: int | None
    plays_skipped: int | None
    socket_users_notified: int
    socket_failures: int
    socket_failure: str | None


NO_PUSHES = PushTotals()


@dataclass(frozen=True, kw_only=True)
class StatsReport:
    """What a run did.

    Attributes:
        period: the month, `YYYY-MM`; None if the run failed before it was known.
        is_last_month: whether it is the month that the schedule's next run is for.
        notification_id: hex id of the month's notification; None if there is none.
        created: whether this run created it.
        chunks: what became of each chunk of the audience.
        pushes: what became of the pushes.
        nothing_to_do: why nothing had to be done; None if something had.
    """

    period: str | None = None
    is_last_month: bool = True
    dry_run: bool = False
    notification: ObjectId | None = None
    adopted: bool = False
    created: bool = False
    built: Built | None = None
    chunks: Sequence[ChunkOutcome] = ()
    pushes: PushTotals = NO_PUSHES
    nothing_to_do: str | None = None
    cleanup_triggered: bool = False
    cleanup_failure: str | None = None
    continued: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the run left nothing to do of what the schedule is for."""
        return not self.continued and not self.dry_run and self.is_last_month

    @property
    def users_processed(self) -> int:
        """Users with statistics for the month."""
        return sum(chunk.users for chunk in self.chunks)

    @property
    def users_updated(self) -> int:
        """Users who got the notification in this run; in a dry run, who would get it."""
        return sum(chunk.updated for chunk in self.chunks)

    @property
    def users_skipped(self) -> int:
        """Users who are entitled to the notification, or to statistics, but whose documents could not be used."""
        return sum(chunk.skipped for chunk in self.chunks) + (self.built.users_skipped if self.built else 0)

    def summary(self, metadata: Metadata, *, skipped: str | None = None) -> MonthlyStatsSummary:
        """Return the message of a run that ended well, or was skipped for this reason."""
        data = StatsSummaryData(
            **metadata.fields(),
            **self._figures(),
            cleanup_triggered=self.cleanup_triggered,
            cleanup_failure=self.cleanup_failure,
            continued=self.continued,
            dry_run=self.dry_run,
            skipped=skipped or self.nothing_to_do,
        )
        return MonthlyStatsSummary(source=metadata.source, data=data)

    def failure(self, metadata: Metadata, failure: Failure) -> MonthlyStatsError:
        """Return the message of a failure, with what was done before it."""
        data = StatsErrorData(**metadata.fields(), **failure.fields(), **self._figures())
        return MonthlyStatsError(source=metadata.source, data=data)

    def _figures(self) -> StatsFields:
        return {
            "period": self.period,
            "notifications_created": int(self.created),
            "users_processed": self.users_processed,
            "users_updated": self.users_updated,
            "users_skipped": self.users_skipped,
            "notification_id": None if self.notification is None else str(self.notification),
            "notification_adopted": self.adopted,
            "statistics_built": self.built.written if self.built else None,
            "plays_skipped": self.built.plays_skipped if self.built else None,
            "socket_users_notified": self.pushes.notified,
            "socket_failures": self.pushes.failures,
            "socket_failure": self.pushes.failure,
        }
