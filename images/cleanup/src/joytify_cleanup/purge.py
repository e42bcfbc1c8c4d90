"""A purge of all collections: in each, batches until nothing expired is left or time is out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from joytify_cleanup.batches import PARTS
from joytify_cleanup.pipeline import BatchPipeline, Purged
from joytify_cleanup.report import CollectionOutcome
from joytify_cleanup.throttle import Throttle
from joytify_common.errors import PermanentError
from joytify_common.messages import Estimate
from joytify_common.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joytify_cleanup.archive import Archive
    from joytify_cleanup.expired import ExpiredDocuments
    from joytify_common.deadline import Deadline

# A smaller collection may well be expired as a whole.
LIMIT_FROM_DOCUMENTS = 1000
# Counts are best effort: the server may take this share of the time left, and no longer than this.
COUNT_SHARE = 0.1
COUNT_SECONDS = 20.0
# What is left when the deadline has come is counted in the reserve, twice in each collection.
LATE_COUNT_SECONDS = 0.5
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
        dry_run: whether to count and estimate only.
        deadline: when to stop.
        archive: where documents are copied before they are deleted; None for nowhere.
    """

    batch_size: int
    pause_seconds: float
    max_delete_percent: float
    allow_above_limit: bool
    dry_run: bool
    deadline: Deadline
    archive: Archive | None

    def run(self, collections: Sequence[ExpiredDocuments]) -> tuple[CollectionOutcome, ...]:
        """Return what became of each collection; errors are returned, and end the purge."""
        return tuple(self._outcomes(collections))

    def _outcomes(self, collections: Sequence[ExpiredDocuments]) -> Iterator[CollectionOutcome]:
        out_of_time = False
        for documents in collections:
            if self.dry_run:
                outcome = self._dry_run(documents)
            elif out_of_time:
                outcome = self._counted(documents, CollectionOutcome(name=documents.name, stop="deadline"))
            else:
                outcome = self._purge(documents)
            yield outcome
            if outcome.failure is not None:
                return
            out_of_time = out_of_time or outcome.stop == "deadline"

    def _dry_run(self, documents: ExpiredDocuments) -> CollectionOutcome:
        stage, outcome = f"count {documents.name}", CollectionOutcome(name=documents.name)
        try:
            outcome = replace(outcome, remaining=documents.count_expired(self._count_seconds()))
            outcome = replace(outcome, undated=documents.count_undated(self._count_seconds()))
            stage = f"brake {documents.name}"
            if self._exceeds_limit(documents):
                outcome = replace(outcome, stop="brake")
            if outcome.remaining is not None:
                outcome = replace(outcome, estimate=self._estimate(outcome.remaining, documents.average_bytes()))
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            return replace(outcome, failure=Failure(exc, stage))
        return outcome

    def _estimate(self, documents: int, average_bytes: float) -> Estimate:
        pauses = documents // self.batch_size * self.pause_seconds
        seconds = round(documents / RECORDS_PER_SECOND + pauses, 1)
        return Estimate(bytes=round(documents * average_bytes), seconds=seconds)

    def _purge(self, documents: ExpiredDocuments) -> CollectionOutcome:
        outcome = CollectionOutcome(name=documents.name)
        try:
            if self._exceeds_limit(documents):
                return replace(outcome, stop="brake")
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            return replace(outcome, failure=Failure(exc, f"brake {documents.name}"))
        purged = self._delete(documents)
        outcome = replace(outcome, stop=purged.stop, batches=purged.batches)
        if purged.failure is not None:
            return replace(outcome, failure=Failure(purged.failure, f"delete {documents.name}"))
        return self._counted(documents, outcome)

    def _delete(self, documents: ExpiredDocuments) -> Purged:
        try:
            source = documents.batches()
        except Exception as exc:  # noqa: BLE001 - returned
            return Purged(failure=exc)
        throttle = Throttle(self.batch_size, self.pause_seconds)
        with ThreadPoolExecutor(max_workers=1 + PARTS) as workers:
            return BatchPipeline(
                documents=documents,
                source=source,
                archive=self.archive,
                throttle=throttle,
                deadline=self.deadline,
                workers=workers,
            ).run()

    def _counted(self, documents: ExpiredDocuments, outcome: CollectionOutcome) -> CollectionOutcome:
        """Return the outcome with what is left, counted afterwards, when there is less to read."""
        seconds = max(LATE_COUNT_SECONDS, self._count_seconds())
        try:
            remaining = 0 if outcome.stop == "completed" else documents.count_expired(seconds)
            outcome = replace(outcome, remaining=remaining)
            return replace(outcome, undated=documents.count_undated(seconds))
        except Exception as exc:  # noqa: BLE001 - returned with what was done before
            return replace(outcome, failure=Failure(exc, f"count {documents.name}"))

    def _exceeds_limit(self, documents: ExpiredDocuments) -> bool:
        if self.allow_above_limit:
            return False
        return documents.exceeds(self.max_delete_percent, LIMIT_FROM_DOCUMENTS, self._count_seconds())

    def _count_seconds(self) -> float:
        return min(COUNT_SECONDS, self.deadline.remaining() * COUNT_SHARE)


def limit_failure(outcomes: Sequence[CollectionOutcome], max_delete_percent: float) -> Failure | None:
    """Return the error of the collections that the deletion safety limit spared, or None."""
    if not (spared := [outcome.name for outcome in outcomes if outcome.stop == "brake"]):
        return None
    text = (
        f"more than CLEANUP_MAX_DELETE_PERCENT ({max_delete_percent:g} %) of {', '.join(spared)} is expired, "
        'and nothing was deleted there; if that is right, invoke with {"allowAboveLimit": true}'
    )
    return Failure(PermanentError(text), "brake")
