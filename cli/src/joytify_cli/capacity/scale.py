"""A simulation of the divided cleanup, by its own planner: ranges, hours and costs for any number of playbacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from joytify_cleanup.plan import FEWEST_SAMPLED, Planner
from joytify_cleanup.ranges import TimeRange
from joytify_cleanup.steps import PlannedRange
from joytify_cleanup.survey import PLAN_SAMPLE_DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joytify_cleanup.plan import Plan

RETENTION_DAYS, WEEK_DAYS = 60, 7
# Of the plan's sample, what has expired.
SAMPLED_EXPIRED = PLAN_SAMPLE_DOCUMENTS * WEEK_DAYS // (RETENTION_DAYS + WEEK_DAYS)
# Of docs/capacity.md: what a playback takes, and what share of all that is stored are indexes.
PLAYBACK_BYTES, INDEX_SHARE = 150, 0.225
# Terraform's defaults.
WORKER_SECONDS, WORKER_GB, BATCH_DOCUMENTS = 840.0, 1.0, 10_000
EXECUTION_LIMIT_HOURS = 24.0
# A plan looks at a sample; a worker's container starts and connects.
PLAN_SECONDS, START_SECONDS = 10.0, 3.0
# us-east-1, in dollars, as in AWS' price lists of 2025: a GB-second of Lambda, a state transition of Step Functions, a
# PUT to S3.
GB_SECOND, TRANSITION, PUT = 0.0000166667, 0.000025, 0.000005
# Transitions of a round (plan, choice, map), of a worker (its own execution), and of the report.
ROUND_TRANSITIONS, WORKER_TRANSITIONS, REPORT_TRANSITIONS = 3, 2, 2
# Storage in GB that Atlas' tiers on AWS have by default: https://www.mongodb.com/docs/atlas/cluster-tier/
TIERS = {
    "M10": 10, "M20": 20, "M30": 40, "M40": 80, "M50": 160, "M60": 320, "M80": 750,
    "M140": 1000, "M200": 1500, "M300": 2000, "M400": 3000,
}  # fmt: skip
LARGEST = max(TIERS.values())


@dataclass(frozen=True)
class Scenario:
    """A week's cleanup of so many playbacks.

    Attributes:
        playbacks: kept at any time.
        rate: records that one worker deletes in a second.
        capacity: workers at once that the cluster is faster with.
    """

    playbacks: int
    rate: float
    capacity: int

    @property
    def expired(self) -> int:
        """Records that expire in a week."""
        return self.playbacks * WEEK_DAYS // RETENTION_DAYS

    @property
    def gigabytes(self) -> float:
        """Size of playbacks and indexes, just before a cleanup."""
        return self.playbacks * (1 + WEEK_DAYS / RETENTION_DAYS) * PLAYBACK_BYTES / (1 - INDEX_SHARE) / 1e9

    @property
    def tier(self) -> str:
        """The smallest cluster that holds that by default; shards of the largest if none does."""
        fits = next((name for name, size in TIERS.items() if self.gigabytes <= size), None)
        return fits or f"{-int(-self.gigabytes // LARGEST)} shards of M400"


@dataclass(frozen=True)
class Simulated:
    """What the state machine does in that week.

    Attributes:
        rounds: how often ranges are planned.
        ranges: how many are worked on.
        workers: most at once.
        longest_seconds: duration of the longest range.
        hours: of all.
        dollars: for Lambda, Step Functions and the archive's PUTs.
    """

    rounds: int
    ranges: int
    workers: int
    longest_seconds: float
    hours: float
    dollars: float


def simulate(scenario: Scenario) -> Simulated:
    """Return what the planner makes of the scenario, round after round."""
    planner = Planner(capacity=scenario.capacity, server="simulated", rate=scenario.rate, seconds=WORKER_SECONDS)
    plans = list(_plans(planner, scenario.expired))
    worked = [[(each.documents or 0) / scenario.rate + START_SECONDS for each in plan.ranges] for plan in plans]
    ranges = [seconds for each in worked for seconds in each]
    spans = [_makespan(each, plan.workers) for each, plan in zip(worked, plans, strict=True)]
    transitions = REPORT_TRANSITIONS + len(plans) * ROUND_TRANSITIONS + len(ranges) * WORKER_TRANSITIONS
    puts = scenario.expired / BATCH_DOCUMENTS
    return Simulated(
        rounds=len(plans),
        ranges=len(ranges),
        workers=max(plan.workers for plan in plans),
        longest_seconds=max(ranges),
        hours=(sum(spans) + PLAN_SECONDS * (len(plans) + 1)) / 3600,
        dollars=sum(ranges) * WORKER_GB * GB_SECOND + transitions * TRANSITION + puts * PUT,
    )


def _plans(planner: Planner, expired: int) -> Iterator[Plan]:
    """Yield the planner's plan for each round, of records that are spread evenly over a week."""
    end = datetime(2026, 11, 1, tzinfo=UTC)
    week = TimeRange(start=end - timedelta(days=WEEK_DAYS), end=end)
    parts = week.parts(min(planner.count_ranges(expired), SAMPLED_EXPIRED // FEWEST_SAMPLED))
    share = ceil(expired / len(parts))
    plan = planner.divide([PlannedRange(collection="playbacks", time_range=each, documents=share) for each in parts])
    yield plan
    while plan.pending:
        plan = planner.plan_left([], plan.pending)
        yield plan


def _makespan(ranges: list[float], workers: int) -> float:
    """Return how long so many workers take for ranges of these durations, handed out in order."""
    free_at = [0.0] * workers
    for seconds in ranges:
        first = free_at.index(min(free_at))
        free_at[first] += seconds
    return max(free_at)


def most_playbacks(rate: float, capacity: int) -> int:
    """Return about how many playbacks are the most that a week's execution can clean up after within its time."""
    return round(EXECUTION_LIMIT_HOURS * 3600 * rate * capacity * RETENTION_DAYS / WEEK_DAYS)
