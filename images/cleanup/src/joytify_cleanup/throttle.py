"""An adaptive throttle: a slow server gets smaller batches and longer pauses, and recovers.

The idea is gh-ost's nice-ratio and pt-archiver's sleep-coef: rest in proportion to what the last batch cost. Here only
the cost above the usual counts, so that a server in good health is not slowed down.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from joytify_common.messages import ThrottleFigures

# A batch that takes longer holds up the server's other work; larger ones are made smaller.
BATCH_SECONDS = 2.0
# The server counts as slow when a document costs this many times the usual.
SLOWDOWN = 4.0
LONGEST_PAUSE_SECONDS = 10.0
SMALLEST_BATCH = 100
GROWTH = 1.5
# The usual cost follows the server's slow changes by this share of a batch's cost.
DRIFT = 0.05
# What it costs to read a document that stays, in deletions (docs/benchmarks.md).
READ_COST = 0.1
# A batch of fewer documents says little about the cost of one.
TELLING_DOCUMENTS = 50


@dataclass
class Throttle:
    """How large the next batch is and how long to rest before it.

    Attributes:
        most: maximum number of documents in a batch.
        least_pause: shortest rest between batches, in seconds.
        size: documents in the next batch.
        pause: rest before the next batch, in seconds.
        figures: how often the server was slow; None if it never was.
    """

    most: int
    least_pause: float
    size: int = field(init=False)
    pause: float = field(init=False)
    figures: ThrottleFigures | None = field(default=None, init=False)
    _usual: float | None = field(default=None, init=False)
    _latest: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.size, self.pause = self.most, self.least_pause

    def expected_seconds(self, documents: int) -> float:
        """Return how long a batch of n documents may take, from the slower of the usual and the latest."""
        return documents * max(self._usual or 0.0, self._latest)

    def rest(self, work: float) -> float:
        """Return how long to rest after a batch of this much work, in seconds.

        The least pause is for a whole batch, and shorter in proportion; the extra pause for a slow server is not.
        """
        return self.pause - self.least_pause + self.least_pause * min(1.0, work / self.size)

    def observe(self, documents: float, seconds: float) -> None:
        """Learn from a batch of this much work, in deletions, and how long that took."""
        if documents < min(TELLING_DOCUMENTS, self.most):
            return
        self._latest = seconds / documents
        usual = self._latest if self._usual is None else min(self._usual, self._latest)
        slowdown = self._latest / usual if usual > 0 else 1.0
        if slowdown > SLOWDOWN:
            self.size //= 2
            # Rest for as long as the batch took beyond the usual: one stall costs one rest of its length.
            self.pause = min(LONGEST_PAUSE_SECONDS, max(self.least_pause, seconds - documents * usual))
            slow = ThrottleFigures(
                times=1, paused_ms=round(1000 * (self.pause - self.least_pause)), slowdown=round(slowdown, 1)
            )
            self.figures = slow.added_to(self.figures)
        else:
            self.size, self.pause = min(self.most, int(self.size * GROWTH) + 1), self.least_pause
        fitting = int(BATCH_SECONDS / self._latest) if self._latest > 0 else self.most
        self.size = max(min(SMALLEST_BATCH, self.most), min(self.size, fitting))
        self._usual = usual + DRIFT * (self._latest - usual)
