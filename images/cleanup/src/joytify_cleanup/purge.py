"""A purge of all collections: in each, batches until nothing expired is left or time is out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from joytify_cleanup.batches import PARTS_WITHOUT_PAUSE, Scope
from joytify_cleanup.pipeline import BatchPipeline, Purged
from joytify_cleanup.report import CollectionOutcome
from joytify_cleanup.scope import Position, choose_scope, from_text, to_text
from joytify_cleanup.sources import find_batches
from joytify_cleanup.throttle import Throttle
from joytify_common.errors import PermanentError, TransientError
from joytify_common.messages import Estimate
from joytify_common.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from joytify_cleanup.archive import Archive
    from joytify_cleanup.batches import Span
    from joytify_cleanup.expired import ExpiredDocuments
    from joytify_common.deadline import Deadline

# A smaller collection may well be expired as a whole.
LIMIT_FROM_DOCUMENTS = 1000
# Counts are best effort: the server may take this share of the time left, and no longer than this.
COUNT_SHARE = 0.1
COUNT_SECONDS = 20.0
# What is left when the deadline has come is counted in the reserve, once in each collection.
LATE_COUNT_SECONDS = 0.5
# No collection is begun with less than this share of the run's time left: to examine it takes a few calls.
BEGIN_SHARE = 0.05
# For a dry run's estimate; half of what docs/benchmarks.md measured.
RECORDS_PER_SECOND = 30_000


@dataclass(frozen=True, kw_only=True)
class Purge:
    """Deletes what is expired.

    Attributes:
        batch_size: most documents in a batch.
        pause_seconds: shortest rest between two batches.
        max_delete_percent: the deletion safety limit: a larger expired share of a collection must be allowed.
        allow_above_limit: whether the limit is passed over.
        sweep: whether everything is examined, unless an index on the date shows what has expired.
        dry_run: whether to count and estimate only.
        deadline: when to stop.
        archive: where documents are copied before they are deleted; None for nowhere.
        span: the ids to which the run is confined; None for all.
    """

    batch_size: int
    pause_seconds: float
    max_delete_percent: float
    allow_above_limit: bool
    sweep: bool
    dry_run: bool
    deadline: Deadline
    archive: Archive | None
    span: Span | None = None

    def run(
        self, collections: Sequence[ExpiredDocuments], positions: Mapping[str, Position]
    ) -> tuple[CollectionOutcome, ...]:
        """Return what became of each collection; errors are returned, and end the purge.

        Args:
            collections: in the order in which they are purged.
            positions: how far earlier runs of the sequence are, by the collections' names.
        """
        return tuple(self._outcomes(collections, positions))

    def _outcomes(
        self, collections: Sequence[ExpiredDocuments], positions: Mapping[str, Position]
    ) -> Iterator[CollectionOutcome]:
        out_of_time, least_seconds = False, self.deadline.remaining() * BEGIN_SHARE
        for documents in collections:
            position = positions.get(documents.name)
            if position is not None and position.done:
                outcome = CollectionOutcome(
                    name=documents.name, remaining=0, undated=_undated(position), position=position
                )
            elif out_of_time or self.deadline.remaining() < least_seconds:
                outcome = self._not_begun(documents, position)
            else:
                outcome = self._begin(documents, position)
            yield outcome
            if outcome.failure is not None:
                return
            out_of_time = out_of_time or outcome.stop == "deadline"

    def _not_begun(self, documents: ExpiredDocuments, position: Position | None) -> CollectionOutcome:
        outcome = CollectionOutcome(name=documents.name, stop="deadline", position=position)
        return self._counted(documents, outcome, self._given_range())

    def _begin(self, documents: ExpiredDocuments, earlier: Position | None) -> CollectionOutcome:
        stage, outcome = f"examine {documents.name}", CollectionOutcome(name=documents.name)
        try:
            scope = self._scope(documents, earlier)
            if earlier is not None and earlier.scope == scope.name and not self.dry_run:
                return self._purge(documents, scope, earlier)
            position = Position(scope=scope.name, reason=scope.reason)
            outcome = replace(outcome, position=position)
            if self.dry_run:
                stage = f"count {documents.name}"
                outcome = self._dry_run(documents, scope, outcome)
            stage = f"brake {documents.name}"
            # Not in a continuation: a share that was below the limit only gets smaller as documents are deleted.
            if self._exceeds_limit(documents, scope):
                return replace(outcome, stop="brake")
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            # A server that is slow beyond the deadline is out of time, not broken.
            if isinstance(exc, TransientError) and self.deadline.remaining() == 0:
                return CollectionOutcome(name=documents.name, stop="deadline", position=earlier)
            return replace(outcome, failure=Failure(exc, stage))
        return outcome if self.dry_run else self._purge(documents, scope, position)

    def _given_range(self) -> Scope | None:
        """Return the scope of a run that is given a range, else None."""
        return None if self.span is None else Scope("range", str(self.span), span=self.span)

    def _scope(self, documents: ExpiredDocuments, earlier: Position | None) -> Scope:
        if (given := self._given_range()) is not None:
            return given
        # An index may have gone since.
        if earlier is None or earlier.scope == "indexed":
            return choose_scope(documents, sweep=self.sweep)
        return Scope(earlier.scope, earlier.reason)

    def _dry_run(self, documents: ExpiredDocuments, scope: Scope, outcome: CollectionOutcome) -> CollectionOutcome:
        remaining = documents.count_expired(self._count_seconds(), scope)
        outcome = replace(outcome, remaining=remaining, undated=documents.count_undated(self._count_seconds()))
        if remaining is None:
            return outcome
        return replace(outcome, estimate=self._estimate(remaining, documents.average_bytes()))

    def _estimate(self, documents: int, average_bytes: float) -> Estimate:
        pauses = documents // self.batch_size * self.pause_seconds
        seconds = round(documents / RECORDS_PER_SECOND + pauses, 1)
        return Estimate(bytes=round(documents * average_bytes), seconds=seconds)

    def _purge(self, documents: ExpiredDocuments, scope: Scope, earlier: Position) -> CollectionOutcome:
        purged = self._delete(documents, scope, earlier)
        position = Position(
            scope=scope.name,
            reason=scope.reason,
            resume=earlier.resume if purged.resume is None else to_text(purged.resume),
            undated=earlier.undated + purged.undated,
            done=purged.stop == "completed" and purged.failure is None,
        )
        outcome = CollectionOutcome(
            name=documents.name,
            stop=purged.stop,
            batches=purged.batches,
            passed=purged.passed,
            undated=_undated(position),
            position=position,
        )
        if purged.failure is not None:
            return replace(outcome, failure=Failure(purged.failure, f"delete {documents.name}"))
        # Nothing is read only to report 0.
        if position.done:
            return replace(outcome, remaining=0)
        return self._counted(documents, outcome, scope)

    def _delete(self, documents: ExpiredDocuments, scope: Scope, position: Position) -> Purged:
        is_gentle = self.pause_seconds > 0
        parts = 1 if is_gentle else PARTS_WITHOUT_PAUSE
        try:
            source = find_batches(documents, scope, from_text(position.resume), parts)
        except Exception as exc:  # noqa: BLE001 - returned
            return Purged(failure=exc)
        with ThreadPoolExecutor(max_workers=1 + parts) as workers:
            return BatchPipeline(
                documents=documents,
                source=source,
                archive=self.archive,
                throttle=Throttle(self.batch_size, self.pause_seconds),
                deadline=self.deadline,
                workers=workers,
                is_gentle=is_gentle,
            ).run()

    def _counted(
        self, documents: ExpiredDocuments, outcome: CollectionOutcome, scope: Scope | None
    ) -> CollectionOutcome:
        """Return the outcome with what is left after a run that stopped early."""
        seconds = max(LATE_COUNT_SECONDS, self._count_seconds())
        try:
            return replace(outcome, remaining=documents.count_expired(seconds, scope))
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            return replace(outcome, failure=Failure(exc, f"count {documents.name}"))

    def examine(self, collections: Sequence[ExpiredDocuments]) -> tuple[dict[str, Position], Failure | None]:
        """Return what a run would examine of each collection, and the deletion safety limit's error if there is one.

        Raises:
            JobError: a collection is unavailable.
        """
        positions, spared = {}, []
        for documents in collections:
            scope = choose_scope(documents, sweep=self.sweep)
            positions[documents.name] = Position(scope=scope.name, reason=scope.reason)
            if self._exceeds_limit(documents, scope):
                spared.append(CollectionOutcome(name=documents.name, stop="brake"))
        return positions, limit_failure(spared, self.max_delete_percent)

    def _exceeds_limit(self, documents: ExpiredDocuments, scope: Scope) -> bool:
        # Whoever divides a collection into ranges looks at the whole before.
        if self.allow_above_limit or scope.span is not None:
            return False
        seconds = self._count_seconds()
        # What is unknown in that time may be too much.
        return documents.exceeds(self.max_delete_percent, LIMIT_FROM_DOCUMENTS, seconds, scope) is not False

    def _count_seconds(self) -> float:
        return min(COUNT_SECONDS, self.deadline.remaining() * COUNT_SHARE)


def _undated(position: Position) -> int | None:
    """Return how many documents have no date, if everything has been examined."""
    return position.undated if position.done and position.scope == "swept" else None


def limit_failure(outcomes: Sequence[CollectionOutcome], max_delete_percent: float) -> Failure | None:
    """Return the error of the collections that the deletion safety limit spared, or None."""
    if not (spared := [outcome.name for outcome in outcomes if outcome.stop == "brake"]):
        return None
    text = (
        f"more than CLEANUP_MAX_DELETE_PERCENT ({max_delete_percent:g} %) of {', '.join(spared)} is expired, "
        'and nothing was deleted there; if that is right, invoke with {"allowAboveLimit": true}'
    )
    return Failure(PermanentError(text), "brake")
