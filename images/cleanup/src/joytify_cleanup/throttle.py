"""An adaptive throttle: smaller batches and longer pauses while the server is slow.

The idea comes from gh-ost's nice-ratio and pt-archiver's sleep-coef: pause in proportion to the
cost of the last batch. Here, only the cost above the usual cost counts, so that cleanup is not
slowed down while the server is healthy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from joytify_cleanup.work import added
from joytify_common.messages import ThrottleFigures

# A batch that takes longer would delay the server's other work, so its size is reduced. This limit and SMALLEST_BATCH
# are for one batch; without a pause, four batches run concurrently.
BATCH_SECONDS = 2.0
# The server counts as slow if a document takes this many times its usual duration.
SLOWDOWN = 4.0
MAX_PAUSE_SECONDS = 10.0
SMALLEST_BATCH = 100
GROWTH = 1.5
# Weight of a slower batch in the usual duration per document; the duration of a faster batch replaces the usual one.
DRIFT = 0.05
# Cost of reading a document that is not deleted, relative to a deletion (docs/benchmarks.md).
READ_COST = 0.1
# A batch of fewer documents says little about the duration per document.
MIN_MEASURED_DOCUMENTS = 50


@dataclass
class Throttle:
    """The size of the next batch and the pause before it.

    Attributes:
        most: maximum number of documents in a batch.
        least_pause: minimum pause between two full batches, in seconds (CLEANUP_BATCH_DELAY_MS).
        size: number of documents in the next batch.
        pause: pause after a full batch, in seconds.
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
        """Return the expected duration of a batch, at the usual or the latest speed, whichever is lower."""
        return documents * max(self._usual or 0.0, self._latest)

    def pause_after(self, work: float) -> float:
        """Return how long to pause after a batch of this much work, in seconds.

        The minimum pause is for a full batch and is scaled down for less work; the extra pause for
        a slow server is not scaled.
        """
        return self.pause - self.least_pause + self.least_pause * min(1.0, work / self.size)

    def observe(self, documents: float, seconds: float) -> None:
        """Adapt size and pause to the duration of a batch.

        Args:
            documents: work of the batch, expressed as a number of deletions.
            seconds: duration of the batch.
        """
        if documents < min(MIN_MEASURED_DOCUMENTS, self.most):
            # Larger batches follow until one can be measured, without an extra pause after each.
            self._speed_up()
            return
        self._latest = seconds / documents
        usual = self._latest if self._usual is None else min(self._usual, self._latest)
        slowdown = self._latest / usual if usual > 0 else 1.0
        if slowdown > SLOWDOWN:
            self.size //= 2
            # Pause for the time by which the batch exceeded its usual duration, so that a stall of the server causes
            # one pause of the same length.
            self.pause = max(self.least_pause, min(MAX_PAUSE_SECONDS, seconds - documents * usual))
            slow = ThrottleFigures(
                times=1, paused_ms=round(1000 * (self.pause - self.least_pause)), slowdown=round(slowdown, 1)
            )
            self.figures = added(self.figures, slow)
        else:
            self._speed_up()
        fitting = int(BATCH_SECONDS / self._latest) if self._latest > 0 else self.most
        self.size = max(min(SMALLEST_BATCH, self.most), min(self.size, fitting))
        self._usual = usual + DRIFT * (self._latest - usual)

    def _speed_up(self) -> None:
        self.size, self.pause = min(self.most, int(self.size * GROWTH) + 1), self.least_pause
