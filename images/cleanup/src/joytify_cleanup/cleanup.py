"""The use case of cleanup: decide what to examine, delete what has expired there, report or hand over what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from loguru import logger

from joytify_cleanup.database_size import DatabaseSize
from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.expired import ExpiredDocuments
from joytify_cleanup.purge import Purge
from joytify_cleanup.report import CleanupReport, CollectionOutcome, Purged, stop_reason
from joytify_cleanup.work import Counts, Done, Work, WorkerResult, added, fitting, started
from joytify_common.errors import PermanentError, TransientError
from joytify_common.messages import ArchiveFigures, Estimate
from joytify_common.outcome import Answered, Completed, Failed, Failure

Outcome = Answered | Completed[CleanupReport] | Failed[CleanupReport]

# Counts are best effort: the server may take this share of the time left, and no longer than this.
COUNT_SHARE, COUNT_SECONDS = 0.1, 60.0
# What is left when the deadline has come is counted in the reserve, once in each collection.
LATE_COUNT_SECONDS = 0.5
# No collection is begun with less than this share of the run's time left: to examine it takes a few calls.
BEGIN_SHARE = 0.05
# For a dry run's estimate; half of what docs/benchmarks.md measured.
RECORDS_PER_SECOND = 30_000
ADVICE = 'and nothing was deleted there; if that is right, invoke with {"allowAboveLimit": true}'


@dataclass(frozen=True, kw_only=True)
class Cleanup:
    """One run: of a schedule, a continuation, a worker, or one that only plans for workers.

    Attributes:
        before: what was done before, and the clock.
        max_delete_percent: the deletion limit: a larger expired share of a collection must be allowed.
        max_continuations: maximum number of runs after the first.
        start: starts the run that continues this one.
    """

    event: CleanupEvent
    before: Done
    collections: Sequence[ExpiredDocuments]
    purge: Purge
    max_delete_percent: float
    max_continuations: int
    size: DatabaseSize
    start: Callable[[CleanupEvent], None]

    def run(self) -> Outcome:
        """Do what the event asks for."""
        began, report = time.monotonic(), self._nothing_done()
        stage = "archive"
        try:
            if self.purge.archive is not None:
                self.purge.archive.check()
            stage = "examine"
            for documents in self.collections:
                documents.check()
            todo = self._todo()
        except Exception as exc:  # noqa: BLE001 - returned with what is known
            return Failed(report, Failure(exc, stage))
        if self.event.plan:
            return self._planned(todo, report)
        outcomes = tuple(self._outcomes(todo))
        report = replace(report, outcomes=outcomes, own=self._own(outcomes, began))
        spared = [each.name for each in outcomes if each.stop == "brake" and not self.event.dry_run]
        if (failure := report.failure_of_a_collection or self._limit_failure(spared)) is not None:
            return Failed(report, failure)
        if self.event.worker:
            return self._worked(todo, report)
        return self._concluded(report)

    def _nothing_done(self) -> CleanupReport:
        return CleanupReport(
            dry_run=self.event.dry_run,
            triggered_by=self.event.triggered_by,
            continuation=self.event.continuation,
            batch_size=self.purge.batch_size,
            before=self.before,
            covers_all=self.event.collection is None,
        )

    def _todo(self) -> list[Work]:
        """Return what is to be examined: what an earlier run left, or else what this run decides."""
        if self.event.results:
            return [work for result in self.event.results for work in result.left]
        # A dry run is not divided, so that its report counts everything.
        if self.event.todo or (self.event.todo is not None and not self.event.dry_run):
            return list(self.event.todo)
        return [work for documents in self.collections for work in documents.todo(sweep=self.event.sweep)]

    def _planned(self, todo: Sequence[Work], report: CleanupReport) -> Outcome:
        """Answer the spans for workers, none if nothing is left, and what was done so far."""
        spared = [documents.name for documents in self.collections if self._exceeds_limit(documents, todo)]
        if (failure := self._limit_failure(spared)) is not None and not self.event.dry_run:
            return Failed(report, failure)
        spans: list[Work] = []
        if not self.event.dry_run:
            spans = [span for each in self.collections for span in each.sliced(todo, self.event.workers)]
        workers = min(self.event.workers, len(spans))
        ordinary = {work.collection: Counts(swept=False) for work in todo if not work.counts_undated}
        numbers = {"rounds": min(1, len(spans)), "ranges": len(spans), "workers": workers}
        round_ = self._nothing().model_copy(update={**numbers, "collections": ordinary})
        return Answered(
            {
                "todo": [span.model_dump(mode="json") for span in spans],
                "done": self.before.plus(round_).model_dump(mode="json"),
                "allowAboveLimit": self.event.allow_above_limit,
            }
        )

    def _worked(self, todo: Sequence[Work], report: CleanupReport) -> Outcome:
        """Answer what a worker did, and what is left of its spans."""
        if report.left and not any(outcome.purged.passed for outcome in report.outcomes):
            text = "the worker had no time to examine anything"
            return Failed(report, Failure(TransientError(text), "worker"))
        given = {(work.collection, repr(work.stop)): work for work in todo}
        left = tuple(fitting(work, given[work.collection, repr(work.stop)]) for work in report.left)
        return Answered(WorkerResult(done=report.own or self.before, left=left).model_dump(mode="json"))

    def _concluded(self, report: CleanupReport) -> Outcome:
        may_continue = self.event.continuation < self.max_continuations
        report = replace(report, stop_reason=stop_reason(report.outcomes, may_continue=may_continue))
        if report.left and report.done and report.stop_reason in {"deadline", "continuations_exhausted"}:
            try:
                following = self.event.next(report.left, report.done)
                if report.stop_reason == "deadline":
                    self.start(following)
                    report = replace(report, continued=True)
                else:
                    # For a person, who may start a sequence that continues there.
                    logger.warning("continuations exhausted", event={**following.payload(), "continuation": 0})
            except Exception as exc:  # noqa: BLE001 - returned with what was done before
                return Failed(report, Failure(exc, "continuation"))
        # Before everything expired is deleted, nobody can say how full the database stays; the trend is production's.
        storage = self.size.after_run(with_trend=report.is_complete and not self.before.test_mode)
        return Completed(replace(report, storage=storage))

    def _outcomes(self, todo: Sequence[Work]) -> Iterator[CollectionOutcome]:
        """Yield the result for each collection; the first error ends it."""
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
            if self._exceeds_limit(documents, spans):
                return replace(outcome, stop="brake")
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            # A server that is slow beyond the deadline is out of time, not broken.
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
        """Return the outcome with what is left beside the work of the event: nobody knows who wrote it."""
        if self.event.worker or self.event.decides_what_to_do:
            return replace(outcome, remaining=0)
        try:
            todo = tuple(documents.todo(sweep=False))
            remaining = documents.count_expired(todo, max(LATE_COUNT_SECONDS, self._count_seconds()))
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            if isinstance(exc, TransientError) and self.purge.deadline.remaining() == 0:
                return replace(outcome, remaining=None)
            return replace(outcome, failure=Failure(exc, f"count {documents.name}"))
        if not remaining:
            return replace(outcome, remaining=remaining)
        return replace(outcome, stop="deadline", remaining=remaining, purged=replace(outcome.purged, left=todo))

    def _stopped(
        self, documents: ExpiredDocuments, outcome: CollectionOutcome, left: Sequence[Work]
    ) -> CollectionOutcome:
        """Return the outcome of a collection for which time is out, with a count of what is left."""
        seconds = max(LATE_COUNT_SECONDS, self._count_seconds())
        try:
            remaining = None if self.event.worker else documents.count_expired(left, seconds)
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
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
        """Return what this run did."""
        archive = None if self.purge.archive is None else ArchiveFigures(objects=0, documents=0, bytes=0)
        milliseconds = round(1000 * (time.monotonic() - began))
        own = {
            "milliseconds": milliseconds,
            "longest_ms": milliseconds if self.event.worker else 0,
            "collections": {outcome.kind: outcome.purged.counts for outcome in outcomes},
            "archive": reduce(added, (outcome.purged.archive for outcome in outcomes), archive),
            "throttled": reduce(added, (outcome.purged.throttled for outcome in outcomes), None),
        }
        return self._nothing().model_copy(update=own)

    def _nothing(self) -> Done:
        return started(self.before.started_at, self.before.cutoff, test_mode=self.before.test_mode)

    def _exceeds_limit(self, documents: ExpiredDocuments, todo: Sequence[Work]) -> bool:
        """Return whether the deletion limit is reached, or that could not be counted in time.

        Every run asks, since nobody knows who wrote its event: a share below the limit only gets smaller on the way.
        """
        if self.event.allow_above_limit:
            return False
        mine = [work for work in todo if work.collection == documents.kind]
        return documents.exceeds(self.max_delete_percent, mine, self._count_seconds()) is not False

    def _limit_failure(self, spared: Sequence[str]) -> Failure | None:
        """Return the error of the collections that the deletion limit spared; None if there are none."""
        text = (
            f"more than CLEANUP_MAX_DELETE_PERCENT ({self.max_delete_percent:g} %) of {', '.join(spared)} is expired, "
            f"or that could not be counted in time, {ADVICE}"
        )
        return Failure(PermanentError(text), "deletion limit") if spared else None

    def _count_seconds(self) -> float:
        return min(COUNT_SECONDS, self.purge.deadline.remaining() * COUNT_SHARE)
