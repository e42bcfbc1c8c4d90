"""How long may I still work?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

# Kept back from Lambda's time for what comes after the deadline; tests/unit/test_in_step.py adds up its shares.
RESERVE_SECONDS = 15.0
# A call that was begun before the deadline may last this much longer.
GRACE_SECONDS = 4.0
# Start the next run and publish the outcome, even if neither service answers.
CONCLUDE_SECONDS = 7.0
# A short timeout keeps back no more than this share of it.
RESERVE_SHARE = 0.2


class LambdaContext(Protocol):
    """What the pipeline uses of Lambda's context object."""

    function_name: str
    aws_request_id: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that Lambda still gives this invocation."""


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def of(cls, context: LambdaContext, limit_seconds: float | None = None) -> Deadline:
        """Return when to stop: Lambda's own limit less a reserve; `limit_seconds` can only shorten it."""
        left = context.get_remaining_time_in_millis() / 1000
        left -= min(RESERVE_SECONDS, left * RESERVE_SHARE)
        return cls(time.monotonic() + (left if limit_seconds is None else min(left, limit_seconds)))

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())
