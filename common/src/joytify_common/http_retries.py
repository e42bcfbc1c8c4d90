"""The one policy of retries for the services that are called by HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import stamina

from joytify_common.errors import TransientError

# A service may say that no wait is needed, and refuse again.
MIN_WAIT_SECONDS = 0.1
MAX_DOUBLINGS = 6

T = TypeVar("T")


class UnavailableError(TransientError):
    """The service failed or could not be reached: it is worth another of a few attempts.

    Attributes:
        wait_seconds: how long the service asks to wait before it; None if it does not say.
    """

    def __init__(self, text: str, wait_seconds: float | None = None) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class RateLimitedError(TransientError):
    """The service asks to wait this many seconds, which counts as no attempt."""

    def __init__(self, text: str, wait_seconds: float) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how long a call is tried again.

    Attributes:
        attempts: most attempts, those that were rate limited not counted.
        wait_seconds: mean of the first wait between two attempts; the waits grow.
    """

    attempts: int
    wait_seconds: float

    def call(self, send: Callable[[], T], seconds: float) -> T:
        """Return what `send` returns, tried again while it is unavailable or rate limited.

        Args:
            send: makes the call once.
            seconds: no attempt begins much later than this.

        Raises:
            TransientError: no attempt succeeded, or the service asks to wait for longer than there is time.
        """
        if seconds <= 0:
            raise TransientError("there was no time left for a call")
        ends = time.monotonic() + seconds

        def backoff(exc: Exception) -> bool | float:
            """Return whether to try again, or after how many seconds: stamina's hook."""
            if isinstance(exc, UnavailableError) and exc.wait_seconds is not None:
                return exc.wait_seconds if exc.wait_seconds < ends - time.monotonic() else False
            return isinstance(exc, UnavailableError)

        for attempt in stamina.retry_context(
            on=backoff,
            attempts=self.attempts,
            timeout=seconds,
            wait_initial=self.wait_seconds / 2,
            wait_jitter=self.wait_seconds,
        ):
            with attempt:
                return _wait_out_limits(send, ends)
        raise AssertionError("unreachable: the last attempt returns or raises")


def _wait_out_limits(send: Callable[[], T], ends: float) -> T:
    for number in count():
        try:
            return send()
        except RateLimitedError as exc:
            # Twice as long after every second refusal, in case the service asks for no wait again and again.
            least = MIN_WAIT_SECONDS * 2 ** min(number // 2, MAX_DOUBLINGS)
            wait(max(exc.wait_seconds, least), ends - time.monotonic(), exc)
    raise AssertionError("unreachable: the loop has no end")


def wait(seconds: float, remaining: float, reason: TransientError) -> None:
    """Sleep; if there is no time for it, raise the reason of the wait."""
    if seconds >= remaining:
        raise reason
    time.sleep(seconds)
