"""The report of a cleanup run: its message, derived from the results for the collections."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from joytify_cleanup.work import Counts, Done, Work
from joytify_common.messages import (
    ArchiveFigures,
    CleanupError,
    CleanupErrorData,
    CleanupFigures,
    CleanupSummary,
    CleanupSummaryData,
    CollectionFigures,
    Estimate,
    StopReason,
    Storage,
    ThrottleFigures,
)
from joytify_common.outcome import Failure, Metadata


@dataclass(frozen=True)
class Purged:
    """The result of the deletion in one collection.

    Attributes:
        examined: number of documents examined, expired or not.
        seconds: duration of each batch that deleted something.
        left: spans that are still to be examined.
        failure: the error that ended the deletion; None if no error did.
    """

    counts: Counts = field(default=Counts())
    examined: int = 0
    seconds: tuple[float, ...] = ()
    archive: ArchiveFigures | None = None
    throttled: ThrottleFigures | None = None
    left: tuple[Work, ...] = ()
    failure: Exception | None = None


@dataclass(frozen=True, kw_only=True)
class CollectionOutcome:
    """The result for one collection; if `remaining` is None, the number is unknown.

    Attributes:
        kind: name of the collection without the test-mode prefix.
        stop: why the run stopped in this collection.
        remaining: expired documents that are left in the spans that the run had to examine.
        estimate: size and duration that a dry run expects of a real run.
        failure: the error that ended the run in this collection, or None.
    """

    kind: str
    name: str
    purged: Purged
    stop: StopReason = "completed"
    remaining: int | None = None
    estimate: Estimate | None = None
    failure: Failure | None = None

    def figures(self, deleted: int, whole: Counts) -> CollectionFigures:
        """Return the message fields, given the deletions to report and the counts of all runs."""
        is_known = whole.swept and self.stop == "completed"
        return CollectionFigures(
            name=self.name,
            found=None if self.remaining is None else deleted + self.remaining,
            deleted=deleted,
            remaining=self.remaining,
            undated=whole.undated if is_known else None,
            unrecognized=whole.unrecognized if is_known else None,
            # A failure leaves it open which documents were examined.
            scope=None if self.failure else "sweep" if whole.swept else "ordinary",
        )


def stop_reason(outcomes: Sequence[CollectionOutcome], *, may_continue: bool) -> StopReason:
    """Return why the run stopped; `deadline` means that another run continues its work."""
    stops = {outcome.stop for outcome in outcomes}
    if "deletion_limit" in stops:
        return "deletion_limit"
    if "deadline" not in stops:
        return "completed"
    if not any(outcome.purged.examined for outcome in outcomes):
        return "no_progress"
    return "deadline" if may_continue else "continuations_exhausted"


@dataclass(frozen=True, kw_only=True)
class CleanupReport:
    """The report of one run.

    Attributes:
        before: figures of earlier runs of the sequence, or of workers; None if the run failed
            before they were known.
        own: figures of this run alone.
        covers_all: whether the run covered every collection, as scheduled runs do.
    """

    outcomes: tuple[CollectionOutcome, ...] = ()
    stop_reason: StopReason = "completed"
    continued: bool = False
    dry_run: bool = False
    triggered_by: str = "manual"
    continuation: int = 0
    before: Done | None = None
    own: Done | None = None
    covers_all: bool = True
    storage: Storage | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the run did all the work that it is scheduled for."""
        return self.covers_all and not self.dry_run and self.stop_reason == "completed" and self.remaining == 0

    @property
    def failure_of_a_collection(self) -> Failure | None:
        """The error that ended the run in a collection; None if there is none."""
        return next((outcome.failure for outcome in self.outcomes if outcome.failure), None)

    @property
    def left(self) -> tuple[Work, ...]:
        """Spans that are still to be examined, in all collections."""
        return tuple(work for outcome in self.outcomes for work in outcome.purged.left)

    @property
    def done(self) -> Done | None:
        """Figures of this run and earlier runs; None if the run failed before they were known."""
        return self.before if self.before is None or self.own is None else self.before.plus(self.own)

    @property
    def reported_figures(self) -> Done | None:
        """Figures that the message reports: of this run, and of the workers if this run reports their work."""
        return self.done if self.continuation == 0 else self.own

    @property
    def deleted(self) -> int:
        """Number of documents deleted by this run, and by the workers that it reports for."""
        return self.reported_figures.deleted if self.reported_figures else 0

    @property
    def remaining(self) -> int | None:
        """Number of expired documents that are left; None if unknown."""
        return _sum([outcome.remaining for outcome in self.outcomes])

    @property
    def latencies(self) -> list[float]:
        """Duration of each batch that deleted something, in seconds."""
        return [seconds for outcome in self.outcomes for seconds in outcome.purged.seconds]

    def records_per_second(self) -> float:
        """Return the number of deleted records divided by the total duration of their batches, without pauses."""
        seconds = sum(self.latencies)
        return self.own.deleted / seconds if seconds and self.own else 0.0

    def latency(self, percent: int) -> float:
        """Return this percentile of the batches' latency, in seconds."""
        if len(self.latencies) < 2:  # noqa: PLR2004 - minimum for quantiles
            return sum(self.latencies)
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]

    def summary(self, metadata: Metadata, *, skipped: str | None = None) -> CleanupSummary:
        """Return the message of a run that did not fail, or that was skipped for the given reason."""
        collections = self._collections()
        found = _sum([each.found for each in collections])
        estimates = [outcome.estimate for outcome in self.outcomes if outcome.estimate]
        data = CleanupSummaryData(
            **dict(metadata.common),
            **dict(self._figures()),
            total_records_found=found,
            remaining_records=self.remaining,
            completion_percentage=_percent(self.deleted, found),
            stop_reason=self.stop_reason,
            dry_run=self.dry_run,
            skipped=skipped,
            storage=self.storage,
            estimate=_total(estimates) if estimates else None,
            continued=self.continued,
        )
        return CleanupSummary(source=metadata.source, data=data)

    def failure(self, metadata: Metadata, failure: Failure) -> CleanupError:
        """Return the message of a failure, with the figures of the work done before it."""
        data = CleanupErrorData(**dict(metadata.common), **failure.fields(), **dict(self._figures()))
        return CleanupError(source=metadata.source, data=data)

    def _figures(self) -> CleanupFigures:
        names = {outcome.kind: outcome.name for outcome in self.outcomes}
        is_sequence = self.continued or self.continuation > 0
        is_divided = self.continuation == 0 and self.before is not None and self.before.rounds > 0
        return CleanupFigures(
            records_deleted=self.deleted,
            collections=self._collections(),
            cutoff_date=self.before.cutoff if self.before else None,
            triggered_by=self.triggered_by,
            continuation=self.continuation,
            chain=self.done.chain() if self.done and is_sequence else None,
            archive=self.reported_figures.archive if self.reported_figures else None,
            throttled=self.reported_figures.throttled if self.reported_figures else None,
            fan_out=self.before.fan_out(names) if self.before and is_divided else None,
        )

    def _collections(self) -> tuple[CollectionFigures, ...]:
        reported = self.reported_figures.collections if self.reported_figures else {}
        whole = self.done.collections if self.done else {}
        return tuple(
            outcome.figures(reported.get(outcome.kind, Counts()).deleted, whole.get(outcome.kind, Counts(swept=False)))
            for outcome in self.outcomes
        )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _total(estimates: Sequence[Estimate]) -> Estimate:
    return Estimate(bytes=sum(e.bytes for e in estimates), seconds=round(sum(e.seconds for e in estimates), 1))


def _percent(deleted: int, found: int | None) -> float | None:
    if found is None:
        return None
    # Rounded down, so that 100 % means every document.
    return 100.0 if found == 0 else math.floor(10_000 * deleted / found) / 100
