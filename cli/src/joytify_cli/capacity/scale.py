"""Estimates duration and cost of a weekly cleanup by concurrent workers, for any number of playbacks."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from joytify_cli.capacity.model import DAYS_PER_WEEK, INDEX_SHARE, SIZES, Model

RETENTION_DAYS = Model.retention_days
# Records per second: a third of the rate that docs/benchmarks.md measured on two cores.
ASSUMED_PER_SECOND = 10_000
# Terraform's defaults.
WORKER_SECONDS, WORKER_GB, BATCH_DOCUMENTS = 840.0, 1.0, 10_000
EXECUTION_LIMIT_HOURS = 24.0
# The state machine (docs/scale.md) works in rounds: a plan divides the remaining work among the workers. Time for a
# plan to count the expired records, and for a worker's container to start and connect.
PLAN_SECONDS, START_SECONDS = 10.0, 3.0
# US dollars in us-east-1, from AWS' price lists of 2025: a GB-second of Lambda, a state transition
# of Step Functions, a PUT to S3.
GB_SECOND, TRANSITION, PUT = 0.0000166667, 0.000025, 0.000005
# State transitions per round (the states Plan, AnySpan and Spans), per worker (its child execution in the distributed
# map), and for the report.
ROUND_TRANSITIONS, WORKER_TRANSITIONS, REPORT_TRANSITIONS = 3, 2, 2
# Storage in GB that Atlas' tiers on AWS have by default: https://www.mongodb.com/docs/atlas/cluster-tier/
TIERS = {
    "M10": 10, "M20": 20, "M30": 40, "M40": 80, "M50": 160, "M60": 320, "M80": 750,
    "M140": 1000, "M200": 1500, "M300": 2000, "M400": 3000,
}  # fmt: skip
LARGEST = max(TIERS.values())


@dataclass(frozen=True)
class Scenario:
    """A weekly cleanup of a collection of playbacks by concurrent workers.

    Attributes:
        playbacks: number of playbacks within the retention period.
        rate: records that one worker deletes per second.
        workers: number of concurrent workers.
    """

    playbacks: int
    rate: int
    workers: int

    @property
    def expired(self) -> int:
        """Number of records that expire per week."""
        return self.playbacks * DAYS_PER_WEEK // RETENTION_DAYS

    @property
    def gigabytes(self) -> float:
        """Size of playbacks and indexes, just before a cleanup."""
        return self.playbacks * (1 + DAYS_PER_WEEK / RETENTION_DAYS) * SIZES["playbacks"] / (1 - INDEX_SHARE) / 1e9

    @property
    def tier(self) -> str:
        """The smallest Atlas tier with enough default storage, else shards of the largest."""
        tier = next((name for name, size in TIERS.items() if self.gigabytes <= size), None)
        return tier or f"{-int(-self.gigabytes // LARGEST)} shards of M400"

    @property
    def _seconds(self) -> float:
        return self.expired / self.workers / self.rate

    @property
    def rounds(self) -> int:
        """Number of plan-and-work rounds of the state machine, if the records are spread evenly."""
        return ceil(self._seconds / WORKER_SECONDS)

    @property
    def spans(self) -> int:
        """Number of worker runs, one per span."""
        return self.rounds * self.workers

    @property
    def hours(self) -> float:
        """Total duration."""
        return (self._seconds + self.rounds * START_SECONDS + (self.rounds + 1) * PLAN_SECONDS) / 3600

    @property
    def dollars(self) -> float:
        """Cost of Lambda, Step Functions and the archive's PUTs."""
        transitions = REPORT_TRANSITIONS + (self.rounds + 1) * ROUND_TRANSITIONS + self.spans * WORKER_TRANSITIONS
        busy = self.workers * (self._seconds + self.rounds * START_SECONDS)
        return busy * WORKER_GB * GB_SECOND + transitions * TRANSITION + self.expired / BATCH_DOCUMENTS * PUT


def max_playbacks(rate: int, workers: int) -> int:
    """Return roughly how many playbacks can be stored if one execution per week deletes all expired playbacks."""
    return round(EXECUTION_LIMIT_HOURS * 3600 * rate * workers * RETENTION_DAYS / DAYS_PER_WEEK)
