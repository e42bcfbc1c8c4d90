"""The retry policy for services that are called over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import stamina

from joytify_common.errors import TransientError

# A service may ask for a wait of 0 s and then refuse the next attempt too.
MIN_WAIT_SECONDS = 0.1
MAX_DOUBLINGS = 6

T = TypeVar("T")


class UnavailableError(TransientError):
    """The service failed or could not be reached; a retry uses up one of `RetryPolicy.attempts`.

    Attributes:
        wait_seconds: how long the service asks to wait before a retry; None if it does not say.
    """

    def __init__(self, text: str, wait_seconds: float | None = None) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class RateLimitedError(TransientError):
    """The service rate-limited the call; this attempt does not count towards `RetryPolicy.attempts`."""

    def __init__(self, text: str, wait_seconds: float) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often a call is retried, and how long the waits are.

    Attributes:
        attempts: maximum number of attempts, not counting rate-limited attempts.
        wait_seconds: average length of the first wait between two attempts (waits are random); later waits are longer.
    """

    attempts: int
    wait_seconds: float

    def call(self, send: Callable[[], T], seconds: float) -> T:
        """Call `send` and return its result; retry while the service is unavailable or rate-limits the call.

        Args:
            send: makes the call once.
            seconds: after this many seconds, no further retry is scheduled; a retry whose wait has already begun is
                still made.

        Raises:
            TransientError: no attempt succeeded, or the requested wait is longer than the time
                left.
        """
        if seconds <= 0:
            raise TransientError("there was no time left for a call")
        ends = time.monotonic() + seconds

        def backoff(exc: Exception) -> bool | float:
            """Return whether to retry, or the seconds to wait before the retry; a hook of stamina."""
            if isinstance(exc, UnavailableError) and exc.wait_seconds is not None:
                return exc.wait_seconds if exc.wait_seconds < ends - time.monotonic() else False
            return isinstance(exc, UnavailableError)

        retrying = stamina.RetryingCaller(
            self.attempts, timeout=seconds, wait_initial=self.wait_seconds / 2, wait_jitter=self.wait_seconds
        )
        return retrying(backoff, _wait_out_limits, send, ends)


def _wait_out_limits(send: Callable[[], T], ends: float) -> T:
    for number in count():
        try:
            return send()
        except RateLimitedError as exc:
            # Double the minimum wait after every two refusals, in case the service keeps asking for a wait of 0 s.
            least = MIN_WAIT_SECONDS * 2 ** min(number // 2, MAX_DOUBLINGS)
            if (seconds := max(exc.wait_seconds, least)) >= ends - time.monotonic():
                raise
            time.sleep(seconds)
    raise AssertionError("unreachable: the loop has no end")
