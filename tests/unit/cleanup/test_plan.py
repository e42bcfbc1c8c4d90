"""How what workers left, and what none has begun, is divided: nothing is read for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from joytify_cleanup.plan import MAX_RANGES, MOST_PARTS_OF_LEFT, Planner
from joytify_cleanup.ranges import TimeRange
from joytify_cleanup.steps import PlannedRange, WorkerResult

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = TimeRange(start=START, end=START + timedelta(days=1))
# A worker has ten seconds, of which five are planned.
PLANNER = Planner(capacity=4, server="a test", rate=1000.0, seconds=10.0)


def result(*, deleted: int = 1000, left: TimeRange | None = DAY, remaining: int | None = None) -> WorkerResult:
    return WorkerResult(collection="playbacks", deleted=deleted, milliseconds=10_000, left=left, remaining=remaining)


def test_what_is_left_is_divided_by_how_fast_its_worker_was() -> None:
    plan = PLANNER.plan_left([result(deleted=1000, remaining=1500)], [])

    # At 100 a second a range may hold 500.
    assert [each.documents for each in plan.ranges] == [500, 500, 500]
    assert plan.ranges[0].time_range.start == DAY.start
    assert plan.ranges[-1].time_range.end == DAY.end
    assert all(first.time_range.end == then.time_range.start for first, then in pairwise(plan.ranges))
    assert plan.workers == 3


def test_nothing_is_left_of_ranges_that_are_done() -> None:
    plan = PLANNER.plan_left([result(left=None), result(left=None)], [])

    assert (plan.ranges, plan.pending) == ((), ())


def test_of_what_is_not_known_there_are_two_parts() -> None:
    plan = PLANNER.plan_left([result(remaining=None)], [])

    assert [each.documents for each in plan.ranges] == [None, None]


def test_there_are_never_more_ranges_than_step_functions_can_pass_on() -> None:
    """Ten billion records: what is not planned now is pending, and is planned then."""
    quarter = timedelta(days=1) / 100
    pending = [
        PlannedRange(
            collection="playbacks",
            time_range=TimeRange(start=START + n * quarter, end=START + (n + 1) * quarter),
            documents=100_000,
        )
        for n in range(100)
    ]
    planned: list[PlannedRange] = []
    rounds = 0
    while pending:
        plan = PLANNER.plan_left([], pending)
        assert 0 < len(plan.ranges) <= MAX_RANGES
        planned.extend(plan.ranges)
        pending = list(plan.pending)
        rounds += 1

    assert rounds == 5
    assert len(planned) == 2000
    assert planned[0].time_range.start == START
    assert all(first.time_range.end == then.time_range.start for first, then in pairwise(planned))
    assert planned[-1].time_range.end == START + timedelta(days=1)


def test_a_second_is_not_divided() -> None:
    second = TimeRange(start=START, end=START + timedelta(seconds=1))

    plan = PLANNER.plan_left([result(left=second, remaining=1_000_000)], [])

    assert [each.time_range for each in plan.ranges] == [second]
    assert plan.ranges[0].documents == 1_000_000


def test_a_worker_that_met_a_slow_server_makes_no_crumbs_of_what_nobody_has_begun() -> None:
    pending = [PlannedRange(collection="playbacks", time_range=DAY, documents=5000)]

    plan = PLANNER.plan_left([result(deleted=1, remaining=100_000)], pending)

    assert len(plan.ranges) == MOST_PARTS_OF_LEFT + 1
    assert plan.ranges[-1] == pending[0]
