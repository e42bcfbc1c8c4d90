"""The cleanup use case.

Select the ranges of `_id` to examine (spans), delete the expired documents in them, pass unfinished spans on to the
next run, and report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

from loguru import logger

from joytify_cleanup.batches import ExpiredDocuments
from joytify_cleanup.deletion_limit import DeletionLimit
from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.purge import Purge
from joytify_cleanup.report import CleanupReport, CollectionOutcome, Purged, stop_reason
from joytify_cleanup.work import Counts, Done, Work, WorkerResult, added, rest_or_whole_span
from joytify_common.errors import TransientError
from joytify_common.messages import ArchiveFigures, Estimate, Storage
from joytify_common.outcome import Answered, Completed, Failed, Failure

Outcome = Answered | Completed[CleanupReport] | Failed[CleanupReport]

# Counts are best effort: a count may take this share of the time left, up to this many seconds.
COUNT_SHARE, COUNT_SECONDS = 0.1, 60.0
# Time limit of a count of remaining documents after the deadline, before Lambda's timeout; one count per collection.
LATE_COUNT_SECONDS = 0.5
# No collection is started with less than this share of the run's time left, since examining takes a few calls.
BEGIN_SHARE = 0.05
# For a dry run's estimate: half of the speed measured in docs/benchmarks.md.
RECORDS_PER_SECOND = 30_000


@dataclass(frozen=True, kw_only=True)
class Cleanup:
    """One run: a complete cleanup, a continuation, the work of one worker, or the planning of work for workers.

    Attributes:
        before: figures of the earlier runs of the sequence, and when it began.
        deletion_limit_percent: if a larger percentage of a collection has expired, nothing is deleted from it, unless
            the event says to ignore the limit.
        max_continuations: maximum number of runs after the first.
        measure: returns how full the database is, with the trend if it is asked for; None if that is unknown.
        start: starts the run that continues this one.
    """

    event: CleanupEvent
    before: Done
    collections: Sequence[ExpiredDocuments]
    purge: Purge
    deletion_limit_percent: float
    max_continuations: int
    measure: Callable[[bool], Storage | None]
    start: Callable[[CleanupEvent], None]

    def run(self) -> Outcome:
        """Return the outcome of the run that the event asks for."""
        began, report, stage = time.monotonic(), self._empty_report(), "archive"
        try:
            if self.purge.archive is not None:
                self.purge.archive.check()
            stage = "examine"
            for documents in self.collections:
                documents.check()
            todo = self._todo()
        except Exception as exc:  # noqa: BLE001 - returned with the report so far
            return Failed(report, Failure(exc, stage))
        if self.event.plan:
            return self._planned(todo, report)
        outcomes = tuple(self._outcomes(todo))
        report = replace(report, outcomes=outcomes, own=self._own(outcomes, began))
        over_limit = [each.name for each in outcomes if each.stop == "deletion_limit" and not self.event.dry_run]
        if (failure := report.failure_of_a_collection or self._limit.failure(over_limit)) is not None:
            return Failed(report, failure)
        if self.event.worker:
            return self._worked(todo, report)
        return self._continue_or_finish(report)

    @cached_property
    def _limit(self) -> DeletionLimit:
        return DeletionLimit(
            self.deletion_limit_percent, is_ignored=self.event.ignore_deletion_limit, seconds=self._count_seconds
        )

    def _empty_report(self) -> CleanupReport:
        return CleanupReport(
            dry_run=self.event.dry_run,
            triggered_by=self.event.triggered_by,
            continuation=self.event.continuation,
            before=self.before,
            covers_all=self.event.collection is None,
        )

    def _todo(self) -> list[Work]:
        """Return the spans to examine: left by an earlier run, or else selected by this run."""
        if self.event.results:
            return [work for result in self.event.results for work in result.left]
        # A dry run has no workers, so its plan contains no spans. The dry run after this plan therefore ignores the
        # empty list and selects the spans itself, to count everything.
        if self.event.todo or (self.event.todo is not None and not self.event.dry_run):
            return list(self.event.todo)
        return [work for documents in self.collections for work in documents.todo(sweep=self.event.sweep)]

    def _planned(self, todo: Sequence[Work], report: CleanupReport) -> Outcome:
        """Return the spans for workers (an empty list if none are left), and the figures so far."""
        over_limit = [documents.name for documents in self.collections if self._limit.is_exceeded(documents, todo)]
        if (failure := self._limit.failure(over_limit)) is not None and not self.event.dry_run:
            return Failed(report, failure)
        spans: list[Work] = []
        if not self.event.dry_run:
            spans = [span for each in self.collections for span in each.sliced(todo, self.event.workers)]
        this_round = self.before.of_run(
            rounds=min(1, len(spans)),
            spans=len(spans),
            workers=min(self.event.workers, len(spans)),
            collections={work.collection: Counts(swept=False) for work in todo if not work.counts_undated},
        )
        return Answered(
            {
                "todo": [span.model_dump(mode="json") for span in spans],
                "done": self.before.plus(this_round).model_dump(mode="json"),
                "ignoreDeletionLimit": self.event.ignore_deletion_limit,
            }
        )

    def _worked(self, todo: Sequence[Work], report: CleanupReport) -> Outcome:
        """Return the worker's figures and the rest of its spans to the caller."""
        if report.left and not any(outcome.purged.examined for outcome in report.outcomes):
            text = "the worker had no time to examine anything"
            return Failed(report, Failure(TransientError(text), "worker"))
        given = {(work.collection, repr(work.stop)): work for work in todo}
        left = tuple(rest_or_whole_span(work, given[work.collection, repr(work.stop)]) for work in report.left)
        return Answered(WorkerResult(done=report.own or self.before, left=left).model_dump(mode="json"))

    def _continue_or_finish(self, report: CleanupReport) -> Outcome:
        may_continue = self.event.continuation < self.max_continuations
        report = replace(report, stop_reason=stop_reason(report.outcomes, may_continue=may_continue))
        if report.left and report.done and report.stop_reason in {"deadline", "continuations_exhausted"}:
            try:
                following = self.event.next(report.left, report.done)
                if report.stop_reason == "deadline":
                    self.start(following)
                    report = replace(report, continued=True)
                else:
                    # With the logged event, an operator can continue this sequence with continuations counted from 0.
                    logger.warning("continuations exhausted", event={**following.payload(), "continuation": 0})
            except Exception as exc:  # noqa: BLE001 - returned with the work done before
                return Failed(report, Failure(exc, "continuation"))
        # The trend is meaningful only after all expired documents are deleted, and only for the
        # production collections.
        storage = self.measure(report.is_complete and not self.before.test_mode)
        return Completed(replace(report, storage=storage))

    def _outcomes(self, todo: Sequence[Work]) -> Iterator[CollectionOutcome]:
        """Yield the outcome of each collection; stop after the first failure."""
        out_of_time, least_seconds = False, self.purge.deadline.remaining() * BEGIN_SHARE
        for documents in self.collections:
            spans = tuple(work for work in todo if work.collection == documents.kind)
            if self.event.worker and not spans:
                continue
            untouched = Purged(counts=Counts(swept=all(work.counts_undated for work in spans)))
            outcome = CollectionOutcome(kind=documents.kind, name=documents.name, purged=untouched)
            if out_of_time or self.purge.deadline.remaining() < least_seconds:
                yield self._stopped(documents, replace(outcome, purged=replace(untouched, left=spans)), spans)
                continue
            outcome = self._outcome(documents, outcome, spans)
            yield outcome
            if outcome.failure is not None:
                return
            out_of_time = outcome.stop == "deadline"

    def _outcome(
        self, documents: ExpiredDocuments, outcome: CollectionOutcome, spans: tuple[Work, ...]
    ) -> CollectionOutcome:
        stage = f"count {documents.name}"
        try:
            if self.event.dry_run:
                outcome = self._dry_run(documents, outcome, spans)
            stage = f"limit {documents.name}"
            if self._limit.is_exceeded(documents, spans):
                return replace(outcome, stop="deletion_limit")
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            # A transient error after the deadline means that time ran out, not that the run failed.
            if isinstance(exc, TransientError) and self.purge.deadline.remaining() == 0:
                return replace(outcome, stop="deadline", purged=replace(outcome.purged, left=spans))
            return replace(outcome, failure=Failure(exc, stage))
        if self.event.dry_run:
            return outcome
        purged = self.purge.run(documents, spans, by_date=not self.event.worker)
        outcome = replace(outcome, purged=purged)
        if purged.failure is not None:
            return replace(outcome, failure=Failure(purged.failure, f"delete {documents.name}"))
        return self._stopped(documents, outcome, purged.left) if purged.left else self._ended(documents, outcome)

    def _ended(self, documents: ExpiredDocuments, outcome: CollectionOutcome) -> CollectionOutcome:
        """Return the outcome of a collection whose work list is finished.

        If the work list came from the event, which anybody may have written, also look for expired documents outside
        the list.
        """
        if self.event.worker or (self.event.todo is None and not self.event.results):
            return replace(outcome, remaining=0)
        try:
            todo = tuple(documents.todo(sweep=False))
            remaining = documents.count_expired(todo, max(LATE_COUNT_SECONDS, self._count_seconds()))
        except Exception as exc:  # noqa: BLE001 - returned with the work done before
            if isinstance(exc, TransientError) and self.purge.deadline.remaining() == 0:
                return replace(outcome, remaining=None)
            return replace(outcome, failure=Failure(exc, f"count {documents.name}"))
        if not remaining:
            return replace(outcome, remaining=remaining)
        return replace(outcome, stop="deadline", remaining=remaining, purged=replace(outcome.purged, left=todo))

    def _stopped(
        self, documents: ExpiredDocuments, outcome: CollectionOutcome, left: Sequence[Work]
    ) -> CollectionOutcome:
        """Return a collection's outcome after the time ran out, with a new count of its remaining expired documents."""
        seconds = max(LATE_COUNT_SECONDS, self._count_seconds())
        try:
            remaining = None if self.event.worker else documents.count_expired(left, seconds)
        except Exception as exc:  # noqa: BLE001 - returned with the work done before
            return replace(outcome, stop="deadline", failure=Failure(exc, f"count {documents.name}"))
        return replace(outcome, stop="deadline", remaining=remaining)

    def _dry_run(
        self, documents: ExpiredDocuments, outcome: CollectionOutcome, spans: Sequence[Work]
    ) -> CollectionOutcome:
        remaining = documents.count_expired(spans, self._count_seconds())
        outcome = replace(outcome, remaining=remaining, purged=Purged(counts=documents.count_left_alone(spans)))
        if remaining is None:
            return outcome
        pauses = remaining // self.purge.batch_size * self.purge.pause_seconds
        seconds = round(remaining / RECORDS_PER_SECOND + pauses, 1)
        return replace(outcome, estimate=Estimate(bytes=round(remaining * documents.average_bytes()), seconds=seconds))

    def _own(self, outcomes: Sequence[CollectionOutcome], began: float) -> Done:
        """Return the figures of this run alone."""
        archive = None if self.purge.archive is None else ArchiveFigures(objects=0, documents=0, bytes=0)
        milliseconds = round(1000 * (time.monotonic() - began))
        return self.before.of_run(
            milliseconds=milliseconds,
            longest_ms=milliseconds if self.event.worker else 0,
            collections={outcome.kind: outcome.purged.counts for outcome in outcomes},
            archive=reduce(added, (outcome.purged.archive for outcome in outcomes), archive),
            throttled=reduce(added, (outcome.purged.throttled for outcome in outcomes), None),
        )

    def _count_seconds(self) -> float:
        return min(COUNT_SECONDS, self.purge.deadline.remaining() * COUNT_SHARE)
