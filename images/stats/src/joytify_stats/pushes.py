"""Push to the backend while the database work continues, and count the results."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from bson import ObjectId
from loguru import logger

from joytify_common.deadline import Deadline
from joytify_common.errors import JobError
from joytify_stats.backend import Backend, KeyRefusedError

IN_FLIGHT = 4
# After this many consecutive failures, no push is made for a while, since each failure costs the time of its retries;
# the users are counted as failed.
MAX_FAILURES = 3
COOL_DOWN_SECONDS = 30.0


@dataclass(frozen=True)
class PushTotals:
    """The totals of the pushes that have ended.

    Attributes:
        notified: number of users whose push succeeded.
        failures: number of users whose push failed or was not attempted.
        failure: reason of the latest failure, or None.
    """

    notified: int = 0
    failures: int = 0
    failure: str | None = None


@dataclass
class Pushes:
    """The pushes of one run; use it as a context manager, whose exit waits for pushes in flight.

    Attributes:
        deadline: no push starts after it, and a push in flight ends at this time or just after it.
        size: maximum number of users per push (BACKEND_PUSH_SIZE).
    """

    backend: Backend
    size: int
    deadline: Deadline
    totals: PushTotals = field(default=PushTotals(), init=False)
    _consecutive_failures: int = field(default=0, init=False)
    _resting_until: float = field(default=0.0, init=False)
    _key_refused: bool = field(default=False, init=False)
    _in_flight: deque[tuple[Future[None], int]] = field(default_factory=deque, init=False)
    _workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=IN_FLIGHT), init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        while self._in_flight:
            self._record_result()
        self._workers.shutdown()

    def start(self, users: Sequence[ObjectId]) -> None:
        """Push to these users in the background; wait if too many pushes are in flight.

        The notification is on the users' lists already, so a failure is only counted.
        """
        for first in range(0, len(users), self.size):
            self._start(users[first : first + self.size])

    def _start(self, users: Sequence[ObjectId]) -> None:
        while len(self._in_flight) >= IN_FLIGHT or (self._in_flight and self._in_flight[0][0].done()):
            self._record_result()
        if self._consecutive_failures >= MAX_FAILURES:
            self._rest()
        if self._key_refused or time.monotonic() < self._resting_until or self.deadline.remaining() == 0:
            self.fail(len(users), self.totals.failure)
            return
        self._in_flight.append((self._workers.submit(self.backend.push, users, self.deadline), len(users)))

    def fail(self, users: int, reason: str | None) -> None:
        """Count users as failed."""
        self.totals = replace(self.totals, failures=self.totals.failures + users, failure=reason)

    def _rest(self) -> None:
        while self._in_flight:
            self._record_result()
        # After this pause, one more failure is enough to start the next pause.
        self._consecutive_failures = min(self._consecutive_failures, MAX_FAILURES - 1)
        self._resting_until = time.monotonic() + COOL_DOWN_SECONDS

    def _record_result(self) -> None:
        push, users = self._in_flight.popleft()
        try:
            push.result()
        except JobError as exc:
            logger.opt(exception=exc).warning("push failed", error=str(exc), users=users)
            self.fail(users, str(exc))
            self._consecutive_failures += 1
            self._key_refused = self._key_refused or isinstance(exc, KeyRefusedError)
        else:
            self.totals = replace(self.totals, notified=self.totals.notified + users)
            self._consecutive_failures = 0
