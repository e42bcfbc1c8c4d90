"""What a cleanup run has met and done so far."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from joytify_common.messages import (
    ArchiveFigures,
    Chain,
    CollectionFigures,
    Estimate,
    ProcessingMode,
    StopReason,
    Storage,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from joytify_common.errors import JobError


@dataclass
class Tally:
    """What was met and done in one collection, in numbers of documents; None is unknown."""

    name: str
    deleted: int = 0
    batches: int = 0
    remaining: int | None = None
    undated: int | None = None
    braked: bool = False

    def figures(self) -> CollectionFigures:
        """Return the figures of the contract."""
        found = None if self.remaining is None else self.deleted + self.remaining
        return CollectionFigures(
            name=self.name, found=found, deleted=self.deleted, remaining=self.remaining, undated=self.undated
        )


@dataclass
class ArchiveTally:
    """What was written to the archive."""

    objects: int = 0
    documents: int = 0
    bytes: int = 0


@dataclass
class CleanupProgress:
    """What a run has done so far; most fields are those of the contract (messages.py).

    Attributes:
        timed_out: whether the deadline ended the work.
        latencies: seconds that each batch took.
        earlier: what the earlier runs of the chain did, None in the first.
    """

    stage: str = "start"
    skipped: str | None = None
    aside: JobError | None = None
    tallies: list[Tally] = field(default_factory=list)
    cutoff_date: datetime | None = None
    triggered_by: str = "manual"
    continuation: int = 0
    dry_run: bool = False
    batch_size: int = 0
    stop_reason: StopReason = "completed"
    timed_out: bool = False
    continued: bool = False
    archive: ArchiveTally | None = None
    storage: Storage | None = None
    storage_before: Storage | None = None
    estimate: Estimate | None = None
    latencies: list[float] = field(default_factory=list)
    earlier: Chain | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def deleted(self) -> int:
        """Documents deleted by this run."""
        return sum(tally.deleted for tally in self.tallies)

    @property
    def remaining(self) -> int | None:
        """Expired documents that are left, None where that is unknown."""
        return _sum([tally.remaining for tally in self.tallies])

    @property
    def unfinished(self) -> bool:
        """Whether this run left something to do, or was not to do anything."""
        return self.dry_run or self.stop_reason != "completed"

    def chain(self) -> Chain | None:
        """Return what this run and the earlier ones of its chain did."""
        if self.earlier is None:
            return None
        return Chain(
            started_at=self.earlier.started_at,
            records_deleted=self.earlier.records_deleted + self.deleted,
            execution_time_ms=self.earlier.execution_time_ms + round((time.monotonic() - self.began) * 1000),
        )

    def records_per_second(self) -> float:
        """Return the speed of the deletion, pauses not counted."""
        seconds = sum(self.latencies)
        return self.deleted / seconds if seconds else 0.0

    def latency(self, percent: int) -> float:
        """Return this percentile of the batches' latency, in seconds."""
        if len(self.latencies) < 2:  # noqa: PLR2004 - what quantiles need
            return sum(self.latencies)
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]

    def figures(self) -> dict[str, Any]:
        """Return the figures by the contract's field names."""
        found = _sum([tally.figures().found for tally in self.tallies])
        return {
            "records_deleted": self.deleted,
            "total_records_found": found,
            "remaining_records": self.remaining,
            "completion_percentage": _percent(self.deleted, found),
            "was_timeout_stopped": self.timed_out,
            "stop_reason": self.stop_reason,
            "processing_mode": self._processing_mode(),
            "batch_size": self.batch_size,
            "cutoff_date": self.cutoff_date,
            "triggered_by": self.triggered_by,
            "continuation": self.continuation,
            "continued": self.continued,
            "dry_run": self.dry_run,
            "collections": tuple(tally.figures() for tally in self.tallies),
            "storage": self.storage,
            "storage_before": self.storage_before,
            "estimate": self.estimate,
            "chain": self.chain(),
            "archive": ArchiveFigures(**vars(self.archive)) if self.archive else None,
        }

    def _processing_mode(self) -> ProcessingMode:
        batches = max((tally.batches for tally in self.tallies), default=0)
        return "none" if batches == 0 else "direct" if batches == 1 else "batch"


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _percent(deleted: int, found: int | None) -> float | None:
    if found is None:
        return None
    # Rounded down: all but one is not all.
    return 100.0 if found == 0 else math.floor(10_000 * deleted / found) / 100
