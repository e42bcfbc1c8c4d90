"""The use cases of a cleanup that is divided among workers: the plan, and a worker's part (docs/scale.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from joytify_cleanup.plan import Plan
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.steps import CHANGED, WorkerResult, remainder, with_plan, with_results
from joytify_common.errors import PermanentError, TransientError
from joytify_common.messages import FanOut
from joytify_common.outcome import Answered, Completed, Failed, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from joytify_cleanup.event import CleanupEvent
    from joytify_cleanup.expired import ExpiredDocuments
    from joytify_cleanup.plan import Planner
    from joytify_cleanup.purge import Purge
    from joytify_cleanup.scope import Position
    from joytify_cleanup.steps import CollectionKind

Outcome = Answered | Completed[CleanupReport] | Failed[CleanupReport]


@dataclass(frozen=True, kw_only=True)
class FanOutPlan:
    """One round of planning.

    Attributes:
        started_at: when the first round began, UTC.
        cutoff: documents older than this are expired.
        test_mode: whether the plan is for the test collections.
        purge: knows the deletion safety limit.
        kinds: `playbacks` or `sessions`, by the collections' names.
        planner: divides the work.
    """

    event: CleanupEvent
    started_at: datetime
    cutoff: datetime
    test_mode: bool
    purge: Purge
    kinds: Mapping[str, CollectionKind]
    planner: Callable[[], Planner]

    def run(self, collections: Sequence[ExpiredDocuments]) -> Outcome:
        """Answer the ranges of the next round, none if all is done, and what the workers did so far."""
        if self.event.fan_out is not None:
            return self._go_on(self.event.fan_out)
        # They look at the whole before any worker does anything.
        positions, failure = self.purge.examine(collections)
        if failure is not None:
            return Failed(CleanupReport(triggered_by=self.event.triggered_by), failure)
        if self.event.dry_run:
            plan = Plan((), 1, "a dry run is not divided")
        else:
            plan = self.planner().plan([(self.kinds[each.name], each) for each in collections])
        return self._answer(
            plan, FanOut(started_at=self.started_at, cutoff=self.cutoff, test_mode=self.test_mode), positions
        )

    def _go_on(self, before: FanOut) -> Outcome:
        if not self.event.is_at(self.cutoff):
            return Failed(CleanupReport(fan_out=before), Failure(PermanentError(CHANGED), "plan"))
        results, names = self.event.results, {kind: name for name, kind in self.kinds.items()}
        plan = self.planner().plan_left(results, self.event.pending)
        return self._answer(plan, with_results(before, results, names), self.event.positions)

    def _answer(self, plan: Plan, done: FanOut, positions: Mapping[str, Position]) -> Answered:
        fan_out = with_plan(done, ranges=len(plan.ranges), workers=plan.workers)
        return Answered(
            {
                **plan.data(),
                "fanOut": fan_out.model_dump(mode="json", by_alias=True),
                "positions": {name: each.model_dump(mode="json", by_alias=True) for name, each in positions.items()},
            }
        )


def worker_outcome(event: CleanupEvent, outcome: Completed[CleanupReport] | Failed[CleanupReport]) -> Outcome:
    """Return what a worker's run came to, for the state machine."""
    if isinstance(outcome, Failed) or event.collection is None or event.time_range is None:
        return outcome
    report = outcome.report
    if report.stop_reason == "no_progress":
        text = f"{event.collection} {event.time_range.span()}: the run had no time to examine anything"
        return Failed(report, Failure(TransientError(text), "worker"))
    result = WorkerResult(
        collection=event.collection,
        deleted=report.deleted,
        milliseconds=round(report.seconds * 1000),
        archive=report.archive,
        left=None if report.stop_reason == "completed" else remainder(event.time_range, report.positions),
        remaining=report.remaining,
    )
    return Answered(result.model_dump(mode="json", by_alias=True))
