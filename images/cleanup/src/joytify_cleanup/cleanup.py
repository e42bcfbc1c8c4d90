"""The use case of cleanup: purge every collection, start the run that continues if time was out, report."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loguru import logger

from joytify_cleanup.database_size import AFTER_SECONDS, BEFORE_SECONDS, FORECAST_SECONDS
from joytify_cleanup.purge import Purge, limit_failure
from joytify_cleanup.report import CleanupReport, stop_reason
from joytify_cleanup.steps import CHANGED
from joytify_common.errors import PermanentError
from joytify_common.messages import Chain
from joytify_common.outcome import Completed, Failed, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from joytify_cleanup.event import CleanupEvent
    from joytify_cleanup.expired import ExpiredDocuments
    from joytify_cleanup.scope import Position
    from joytify_common.messages import Storage


@dataclass(frozen=True, kw_only=True)
class Cleanup:
    """One run.

    Attributes:
        started_at: when the first run of the sequence, or the plan, began, UTC.
        cutoff: documents older than this are expired.
        max_continuations: most runs after the first.
        storage: measures how full the database is, in a number of seconds; None if that is unavailable.
        forecast: adds the trend to what was measured, in a number of seconds.
        start_continuation: starts the next run of the sequence, given what this one and the earlier ones did, and how
            far they are in each collection.
    """

    event: CleanupEvent
    started_at: datetime
    cutoff: datetime
    purge: Purge
    max_continuations: int
    storage: Callable[[float], Storage | None]
    forecast: Callable[[Storage, float], Storage]
    start_continuation: Callable[[Chain, dict[str, Position]], None]

    def run(self, collections: Sequence[ExpiredDocuments]) -> Completed[CleanupReport] | Failed[CleanupReport]:
        """Delete what is expired in each collection; if time runs out, start the run that continues."""
        began = time.monotonic()
        report = CleanupReport(
            dry_run=self.event.dry_run,
            cutoff_date=self.cutoff,
            triggered_by=self.event.triggered_by,
            continuation=self.event.continuation,
            batch_size=self.purge.batch_size,
            earlier=self.event.chain,
            is_archiving=self.purge.archive is not None,
            covers_all=self.event.collection is None,
            fan_out=self.event.fan_out,
            storage_before=None if self.event.worker else self.storage(BEFORE_SECONDS),
        )
        if self.purge.archive is not None:
            try:
                self.purge.archive.check()
            except Exception as exc:  # noqa: BLE001 - returned with what is known
                return Failed(replace(report, is_archiving=False), Failure(exc, "archive"))
        # Another retention period since makes this a new sequence: nothing that the earlier runs decided holds.
        is_continued = self.event.is_at(self.cutoff)
        if self.event.worker and not is_continued:
            # The deletion safety limit has looked at what another cutoff leaves.
            return Failed(report, Failure(PermanentError(CHANGED), "plan"))
        outcomes = self.purge.run(collections, self.event.positions if is_continued else {})
        return self._conclude(replace(report, outcomes=outcomes), began)

    def _conclude(self, report: CleanupReport, began: float) -> Completed[CleanupReport] | Failed[CleanupReport]:
        outcomes = report.outcomes
        reason = stop_reason(outcomes, continuation=self.event.continuation, max_continuations=self.max_continuations)
        report = replace(report, stop_reason=reason, seconds=time.monotonic() - began)
        failure = next((outcome.failure for outcome in outcomes if outcome.failure), None)
        if failure is None and not self.event.dry_run:
            failure = limit_failure(outcomes, self.purge.max_delete_percent)
        if failure is not None:
            return Failed(report, failure)
        if self.event.worker:
            # The state machine starts what goes on, and tells how full the database is once all is done.
            return Completed(report)
        if reason == "deadline":
            earlier = report.earlier or Chain(started_at=self.started_at)
            report = replace(report, earlier=earlier)
            try:
                self.start_continuation(report.added_to(earlier), report.positions)
            except Exception as exc:  # noqa: BLE001 - returned with what was done before
                return Failed(report, Failure(exc, "continuation"))
            report = replace(report, continued=True)
        if reason == "continuations_exhausted":
            # For a person, who may start a sequence that goes on there.
            keys = {"continuation": 0, "chain": report.chain, "positions": report.positions}
            logger.warning("continuations exhausted", event=self.event.model_copy(update=keys).payload())
        storage = self.storage(AFTER_SECONDS)
        # Before everything expired is deleted, nobody can say how full the database stays.
        if storage is not None and report.is_complete:
            storage = self.forecast(storage, FORECAST_SECONDS)
        return Completed(replace(report, storage=storage))
