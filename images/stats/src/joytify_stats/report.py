"""The report of a stats run, derived from the results of its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bson import ObjectId

from joytify_common.messages import (
    MonthlyStatsError,
    MonthlyStatsSummary,
    StatsErrorData,
    StatsFigures,
    StatsSummaryData,
)
from joytify_common.outcome import Failure, Metadata
from joytify_stats.pages import PageOutcome
from joytify_stats.pushes import PushTotals
from joytify_stats.rebuild_results import Built


@dataclass(frozen=True, kw_only=True)
class StatsReport:
    """The report of one run.

    Attributes:
        period: the month, `YYYY-MM`; None if the run failed before it was known.
        is_last_month: whether the period is the last complete month, which scheduled runs process.
        notification: id of the month's notification; None if there is none.
        pages: result of each page of the audience; None if the run did not examine it.
        pushes: totals of the pushes.
        built: result of building statistics from plays; None if the run was not asked to.
        idle_reason: reason why the run had nothing to do, or None.
    """

    period: str | None = None
    is_last_month: bool = True
    dry_run: bool = False
    notification: ObjectId | None = None
    adopted: bool = False
    built: Built | None = None
    pages: Sequence[PageOutcome] | None = None
    pushes: PushTotals = field(default=PushTotals())
    idle_reason: str | None = None
    cleanup_triggered: bool = False
    cleanup_failure: str | None = None
    continued: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the run did all the work of a scheduled run, which processes the last complete month."""
        return not self.continued and not self.dry_run and self.is_last_month

    @property
    def users_processed(self) -> int | None:
        """Number of users with statistics for the month; None if the run did not examine them."""
        return None if self.pages is None else sum(page.users for page in self.pages)

    @property
    def users_updated(self) -> int:
        """Number of users who got the notification in this run; in a dry run, who would get it."""
        return sum(page.updated for page in self.pages or ())

    @property
    def users_skipped(self) -> int:
        """Number of users whose documents cannot be used, so that they were skipped (delivery or statistics)."""
        return sum(page.skipped for page in self.pages or ()) + (self.built.users_skipped if self.built else 0)

    def summary(self, metadata: Metadata, *, skipped: str | None = None) -> MonthlyStatsSummary:
        """Return the message of a run that succeeded, or that was skipped for the given reason."""
        data = StatsSummaryData(
            **dict(metadata.common),
            **dict(self._figures()),
            cleanup_triggered=self.cleanup_triggered,
            cleanup_failure=self.cleanup_failure,
            continued=self.continued,
            dry_run=self.dry_run,
            skipped=skipped or self.idle_reason,
        )
        return MonthlyStatsSummary(source=metadata.source, data=data)

    def failure(self, metadata: Metadata, failure: Failure) -> MonthlyStatsError:
        """Return the message of a failure, with the figures of the work done before it."""
        data = StatsErrorData(**dict(metadata.common), **failure.fields(), **dict(self._figures()))
        return MonthlyStatsError(source=metadata.source, data=data)

    def _figures(self) -> StatsFigures:
        return StatsFigures(
            period=self.period,
            users_processed=self.users_processed,
            users_updated=self.users_updated,
            users_skipped=self.users_skipped,
            notification_id=None if self.notification is None else str(self.notification),
            notification_adopted=self.adopted,
            statistics_built=self.built.written if self.built else None,
            plays_skipped=self.built.plays_skipped if self.built else None,
            socket_users_notified=self.pushes.notified,
            socket_failures=self.pushes.failures,
            socket_failure=self.pushes.failure,
        )
