"""The story of a cleanup: batches until nothing expired is left or time is out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loguru import logger
from pydantic import Field

from joytify_common.errors import PermanentError
from joytify_common.events import JobEvent
from joytify_common.messages import CollectionFigures, ProcessingMode, StopReason, Storage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from joytify_cleanup.records import Records
    from joytify_common.deadline import Deadline

# A smaller collection may well be expired as a whole.
BRAKE_FROM_DOCUMENTS = 1000
# A batch is begun only where this many times its expected duration is left.
BATCH_MARGIN = 2.0
# Counting is told, not needed: it may take this share of the time left, and no longer than this.
COUNT_SHARE = 0.1
COUNT_SECONDS = 30.0


class CleanupEvent(JobEvent):
    """Keys of the cleanup function's event."""

    allow_above_limit: bool = Field(default=False, description="true or false")


@dataclass
class Tally:
    """What was met and done in one collection, in numbers of documents; None is unknown."""

    name: str
    found: int | None = None
    undated: int | None = None
    deleted: int = 0
    batches: int = 0
    emptied: bool = False
    braked: bool = False

    @property
    def remaining(self) -> int | None:
        """Expired documents that are left."""
        if self.emptied:
            return 0
        return None if self.found is None else max(self.found - self.deleted, 0)

    def figures(self) -> CollectionFigures:
        """Return the figures of the contract."""
        return CollectionFigures(
            name=self.name, found=self.found, deleted=self.deleted, remaining=self.remaining, undated=self.undated
        )


@dataclass
class CleanupProgress:
    """What a cleanup run has done so far."""

    stage: str = "start"
    skipped: str | None = None
    tallies: list[Tally] = field(default_factory=list)
    cutoff_date: datetime | None = None
    triggered_by: str = "manual"
    continuation: int = 0
    dry_run: bool = False
    batch_size: int = 0
    stop_reason: StopReason = "completed"
    storage: Storage | None = None

    def figures(self) -> dict[str, Any]:
        """Return the figures by the contract's field names."""
        deleted = sum(tally.deleted for tally in self.tallies)
        found = _sum([tally.found for tally in self.tallies])
        return {
            "records_deleted": deleted,
            "total_records_found": found,
            "remaining_records": _sum([tally.remaining for tally in self.tallies]),
            "completion_percentage": _percent(deleted, found),
            "was_timeout_stopped": self.stop_reason == "deadline",
            "stop_reason": self.stop_reason,
            "processing_mode": self._processing_mode(),
            "batch_size": self.batch_size,
            "cutoff_date": self.cutoff_date,
            "triggered_by": self.triggered_by,
            "continuation": self.continuation,
            "dry_run": self.dry_run,
            "collections": tuple(tally.figures() for tally in self.tallies),
            "storage": self.storage,
        }

    def _processing_mode(self) -> ProcessingMode:
        batches = max((tally.batches for tally in self.tallies), default=0)
        return "none" if batches == 0 else "direct" if batches == 1 else "batch"


@dataclass(frozen=True, kw_only=True)
class Purge:
    """One run over all collections.

    Attributes:
        batch_size: most documents in a batch.
        pause_seconds: rest between two batches.
        max_delete_percent: the brake: a larger expired share of a collection must be allowed by the event.
        deadline: when to stop.
        progress: where the run writes down what it did.
    """

    event: CleanupEvent
    batch_size: int
    pause_seconds: float
    max_delete_percent: float
    deadline: Deadline
    progress: CleanupProgress

    def clean(self, collections: Sequence[Records]) -> None:
        """Delete what is expired in each collection.

        Raises:
            PermanentError: the brake held in a collection; the others have been cleaned.
        """
        for records in collections:
            tally = Tally(name=records.name)
            self.progress.tallies.append(tally)
            self.progress.stage = f"count {records.name}"
            self._count(records, tally)
            if not self.event.dry_run and not tally.braked and tally.found != 0:
                self.progress.stage = f"delete {records.name}"
                self._delete(records, tally)
        if braked := [tally.name for tally in self.progress.tallies if tally.braked]:
            self.progress.stage = "brake"
            raise PermanentError(
                f"more than CLEANUP_MAX_DELETE_PERCENT ({self.max_delete_percent:g} %) of {', '.join(braked)} is "
                'expired, and nothing was deleted there; if that is right, invoke with {"allowAboveLimit": true}'
            )

    def _count(self, records: Records, tally: Tally) -> None:
        seconds = min(COUNT_SECONDS, self.deadline.remaining() * COUNT_SHARE)
        tally.found = records.count_expired(seconds)
        tally.undated = records.count_undated(seconds)
        tally.emptied = tally.found == 0
        total = records.total()
        if self.event.allow_above_limit or tally.found is None or total < BRAKE_FROM_DOCUMENTS:
            return
        tally.braked = tally.found > total * self.max_delete_percent / 100

    def _delete(self, records: Records, tally: Tally) -> None:
        longest = 0.0
        with records.batches(self.batch_size) as batches:
            while self.deadline.remaining() > (longest + self.pause_seconds) * BATCH_MARGIN:
                began = time.monotonic()
                if not (ids := next(batches, [])):
                    tally.emptied = True
                    return
                tally.deleted += records.delete(ids)
                tally.batches += 1
                longest = max(longest, time.monotonic() - began)
                logger.debug("batch deleted", collection=tally.name, documents=len(ids))
                if len(ids) == self.batch_size:
                    time.sleep(self.pause_seconds)
        self.progress.stop_reason = "deadline"


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _percent(deleted: int, found: int | None) -> float | None:
    if found is None:
        return None
    return 100.0 if found == 0 else min(100.0, round(100 * deleted / found, 2))
