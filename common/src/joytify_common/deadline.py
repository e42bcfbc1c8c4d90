"""The deadline of an invocation: when it must stop its regular work.

It lies before Lambda's timeout; the time in between (the reserve) is for the final steps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

# Part of Lambda's time that is reserved for the steps after the deadline;
# tests/unit/test_in_step.py checks that they fit into it.
RESERVE_SECONDS = 15.0
# A call that started before the deadline may run this much past it.
GRACE_SECONDS = 4.0
# With a short Lambda timeout, the reserve is at most this share of it.
RESERVE_SHARE = 0.2


class LambdaContext(Protocol):
    """The part of Lambda's context object that the pipeline uses."""

    function_name: str
    aws_request_id: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda stops this invocation."""


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def of(cls, context: LambdaContext, limit_seconds: float | None = None) -> Deadline:
        """Return when to stop: Lambda's limit minus a reserve, or `limit_seconds` if it is less."""
        left = context.get_remaining_time_in_millis() / 1000
        left -= min(RESERVE_SECONDS, left * RESERVE_SHARE)
        return cls(time.monotonic() + (left if limit_seconds is None else min(left, limit_seconds)))

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self.at - time.monotonic())
