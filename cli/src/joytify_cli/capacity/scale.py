"""What a week's divided cleanup takes and costs, for any number of playbacks."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

RETENTION_DAYS, WEEK_DAYS = 60, 7
# A third of what docs/benchmarks.md measured on two cores, in records a second.
ASSUMED_PER_SECOND = 10_000.0
# Of docs/capacity.md: what a playback takes, and what share of all that is stored are indexes.
PLAYBACK_BYTES, INDEX_SHARE = 150, 0.225
# Terraform's defaults.
WORKER_SECONDS, WORKER_GB, BATCH_DOCUMENTS = 840.0, 1.0, 10_000
EXECUTION_LIMIT_HOURS = 24.0
# A plan counts what has expired; a worker's container starts and connects.
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
        workers: how many clean at the same time.
    """

    playbacks: int
    rate: float
    workers: int

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
        rounds: how often the work is divided.
        spans: number of workers' runs.
        hours: duration of all.
        dollars: for Lambda, Step Functions and the archive's PUTs.
    """

    rounds: int
    spans: int
    hours: float
    dollars: float


def simulate(scenario: Scenario) -> Simulated:
    """Return what it takes if the records are spread evenly over the week, so that all workers take equally long."""
    seconds = scenario.expired / scenario.workers / scenario.rate
    rounds = ceil(seconds / WORKER_SECONDS)
    spans = rounds * scenario.workers
    transitions = REPORT_TRANSITIONS + (rounds + 1) * ROUND_TRANSITIONS + spans * WORKER_TRANSITIONS
    busy = scenario.workers * (seconds + rounds * START_SECONDS)
    return Simulated(
        rounds=rounds,
        spans=spans,
        hours=(seconds + rounds * START_SECONDS + (rounds + 1) * PLAN_SECONDS) / 3600,
        dollars=busy * WORKER_GB * GB_SECOND + transitions * TRANSITION + scenario.expired / BATCH_DOCUMENTS * PUT,
    )


def most_playbacks(rate: float, workers: int) -> int:
    """Return about how many playbacks a week's execution can clean up after within its time."""
    return round(EXECUTION_LIMIT_HOURS * 3600 * rate * workers * RETENTION_DAYS / WEEK_DAYS)
