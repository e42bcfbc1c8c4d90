"""What a cleanup run did, derived from what became of each collection."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from joytify_common.messages import (
    ArchiveFigures,
    Chain,
    CleanupError,
    CleanupErrorData,
    CleanupSummary,
    CleanupSummaryData,
    CollectionFigures,
    Estimate,
    FanOut,
    ProcessingMode,
    StopReason,
    Storage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from joytify_cleanup.pipeline import BatchOutcome
    from joytify_cleanup.scope import Position
    from joytify_common.outcome import Failure, Metadata


@dataclass(frozen=True, kw_only=True)
class CollectionOutcome:
    """What became of one collection, in numbers of documents; None is unknown.

    Attributes:
        stop: why there were no more batches.
        batches: what became of each.
        passed: walked over, expired or not.
        remaining: expired and still there, as far as the run examined.
        undated: without a date, and never touched.
        position: what was examined, and where the next run of the sequence begins; None if it was not begun.
        estimate: what a dry run expects of the real one.
        failure: the error that ended the run here, or None.
    """

    name: str
    stop: StopReason = "completed"
    batches: tuple[BatchOutcome, ...] = ()
    passed: int = 0
    remaining: int | None = None
    undated: int | None = None
    position: Position | None = None
    estimate: Estimate | None = None
    failure: Failure | None = None

    @property
    def deleted(self) -> int:
        """Number of documents."""
        return sum(batch.deleted for batch in self.batches)

    @property
    def found(self) -> int | None:
        """Expired before the run."""
        return None if self.remaining is None else self.deleted + self.remaining

    def figures(self, by_workers: int = 0) -> CollectionFigures:
        """Return the message fields; what workers deleted before is counted."""
        return CollectionFigures(
            name=self.name,
            found=None if self.found is None else self.found + by_workers,
            deleted=self.deleted + by_workers,
            remaining=self.remaining,
            undated=self.undated,
            scope=self.position.scope if self.position else None,
            scope_reason=self.position.reason if self.position else None,
        )


def stop_reason(outcomes: Sequence[CollectionOutcome], *, continuation: int, max_continuations: int) -> StopReason:
    """Return why the run ended: `deadline` means that its work continues in another run."""
    stops = {outcome.stop for outcome in outcomes}
    if "brake" in stops:
        return "brake"
    if "deadline" not in stops:
        return "completed"
    if not any(outcome.passed for outcome in outcomes):
        return "no_progress"
    return "continuations_exhausted" if continuation >= max_continuations else "deadline"


class CleanupFields(TypedDict):
    """Fields of messages.CleanupFigures."""

    records_deleted: int
    collections: tuple[CollectionFigures, ...]
    cutoff_date: datetime | None
    triggered_by: str
    continuation: int
    chain: Chain | None
    archive: ArchiveFigures | None
    fan_out: FanOut | None


@dataclass(frozen=True, kw_only=True)
class CleanupReport:
    """What a run did.

    Attributes:
        batch_size: most documents in a batch.
        earlier: what the earlier runs of the sequence did; None in a run that neither continues nor is continued.
        seconds: how long the run took.
        is_archiving: whether documents are archived before they are deleted.
        covers_all: whether the run was for every collection, as the schedule's are.
        fan_out: what workers did before, if the work was divided among them; None if it was not.
    """

    outcomes: tuple[CollectionOutcome, ...] = ()
    stop_reason: StopReason = "completed"
    continued: bool = False
    dry_run: bool = False
    cutoff_date: datetime | None = None
    triggered_by: str = "manual"
    continuation: int = 0
    batch_size: int = 0
    earlier: Chain | None = None
    seconds: float = 0.0
    is_archiving: bool = False
    covers_all: bool = True
    fan_out: FanOut | None = None
    storage_before: Storage | None = None
    storage: Storage | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the run left nothing to do of what the schedule is for."""
        return self.covers_all and not self.dry_run and self.stop_reason == "completed"

    @property
    def deleted(self) -> int:
        """Documents deleted by this run, and by the workers before it."""
        return self._deleted_alone + (self.fan_out.records_deleted if self.fan_out else 0)

    @property
    def _deleted_alone(self) -> int:
        return sum(outcome.deleted for outcome in self.outcomes)

    @property
    def passed(self) -> int:
        """Documents that this run walked over, expired or not."""
        return sum(outcome.passed for outcome in self.outcomes)

    @property
    def remaining(self) -> int | None:
        """Expired documents that are left; None if unknown."""
        return _sum([outcome.remaining for outcome in self.outcomes])

    @property
    def batches(self) -> tuple[BatchOutcome, ...]:
        """The batches of all collections."""
        return tuple(batch for outcome in self.outcomes for batch in outcome.batches)

    @property
    def timed_out(self) -> bool:
        """Whether the deadline ended the work."""
        return any(outcome.stop == "deadline" for outcome in self.outcomes)

    @property
    def archive(self) -> ArchiveFigures | None:
        """What was written to the archive, by the workers too; None without one."""
        if not self.is_archiving:
            return None
        sizes = [batch.archived_bytes for batch in self.batches if batch.archived_bytes is not None]
        documents = sum(batch.archived_documents for batch in self.batches)
        alone = ArchiveFigures(objects=len(sizes), documents=documents, bytes=sum(sizes))
        by_workers = self.fan_out.archive if self.fan_out else None
        return alone if by_workers is None else alone.added_to(by_workers)

    @property
    def positions(self) -> dict[str, Position]:
        """How far the run is in each collection that was begun, by the collections' names."""
        return {outcome.name: outcome.position for outcome in self.outcomes if outcome.position is not None}

    @property
    def chain(self) -> Chain | None:
        """What all runs of the sequence did so far; None if there is only one."""
        return None if self.earlier is None else self.added_to(self.earlier)

    def added_to(self, earlier: Chain) -> Chain:
        """Return what the earlier runs and this one did."""
        return Chain(
            started_at=earlier.started_at,
            cutoff=self.cutoff_date,
            records_deleted=earlier.records_deleted + self.deleted,
            execution_time_ms=earlier.execution_time_ms + round(self.seconds * 1000),
        )

    def records_per_second(self) -> float:
        """Return the speed of the deletion, without the pauses."""
        seconds = sum(batch.seconds for batch in self.batches if batch.deleted)
        return self._deleted_alone / seconds if seconds else 0.0

    def latency(self, percent: int) -> float:
        """Return this percentile of the batches' latency, in seconds."""
        latencies = [batch.seconds for batch in self.batches if batch.deleted]
        if len(latencies) < 2:  # noqa: PLR2004 - what quantiles need
            return sum(latencies)
        return statistics.quantiles(latencies, n=100, method="inclusive")[percent - 1]

    def summary(self, metadata: Metadata, *, skipped: str | None = None) -> CleanupSummary:
        """Return the message of a run that ended well, or was skipped for this reason."""
        collections = self._collections()
        found = _sum([each.found for each in collections])
        data = CleanupSummaryData(
            **metadata.fields(),
            **self._figures(),
            total_records_found=found,
            remaining_records=self.remaining,
            completion_percentage=_percent(self.deleted, found),
            was_timeout_stopped=self.timed_out,
            stop_reason=self.stop_reason,
            processing_mode=self._processing_mode(),
            batch_size=self.batch_size,
            dry_run=self.dry_run,
            skipped=skipped,
            storage=self.storage,
            storage_before=self.storage_before,
            estimate=_total([outcome.estimate for outcome in self.outcomes]),
            continued=self.continued,
        )
        return CleanupSummary(source=metadata.source, data=data)

    def failure(self, metadata: Metadata, failure: Failure) -> CleanupError:
        """Return the message of a failure, with what was done before it."""
        data = CleanupErrorData(**metadata.fields(), **failure.fields(), **self._figures())
        return CleanupError(source=metadata.source, data=data)

    def _figures(self) -> CleanupFields:
        return {
            "records_deleted": self.deleted,
            "collections": self._collections(),
            "cutoff_date": self.cutoff_date,
            "triggered_by": self.triggered_by,
            "continuation": self.continuation,
            "chain": self.chain,
            "archive": self.archive,
            "fan_out": self.fan_out,
        }

    def _collections(self) -> tuple[CollectionFigures, ...]:
        by_workers = self.fan_out.deleted if self.fan_out else {}
        return tuple(outcome.figures(by_workers.get(outcome.name, 0)) for outcome in self.outcomes)

    def _processing_mode(self) -> ProcessingMode:
        done = [[batch for batch in outcome.batches if batch.deleted] for outcome in self.outcomes]
        batches = max((len(each) for each in done), default=0)
        return "none" if batches == 0 else "direct" if batches == 1 else "batch"


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _total(estimates: Sequence[Estimate | None]) -> Estimate | None:
    known = [estimate for estimate in estimates if estimate is not None]
    if not known:
        return None
    return Estimate(bytes=sum(e.bytes for e in known), seconds=round(sum(e.seconds for e in known), 1))


def _percent(deleted: int, found: int | None) -> float | None:
    if found is None:
        return None
    # Rounded down: all but one is not all.
    return 100.0 if found == 0 else math.floor(10_000 * deleted / found) / 100
