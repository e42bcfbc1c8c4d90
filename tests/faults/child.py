"""Runs one attempt of a function in a separate process: calls the handler as Lambda would."""

from __future__ import annotations

import importlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECONDS = 40.0
CONCURRENT_RUNS = {"stats": 20, "cleanup": 5}
# Smaller than in production, so that a fault can strike between two pages of a run.
PAGE = 50


@dataclass(frozen=True)
class Context:
    """Lambda's context of a function that may run for a while."""

    function_name: str
    aws_request_id: str
    ends: float
    log_stream_name: str = "faults"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function is out of time."""
        return max(0, round(1000 * (self.ends - time.monotonic())))


class _Clock(datetime):
    """A clock that is wrong by `off`."""

    off = timedelta()

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override] # only in tests
        del tz
        return datetime.now(UTC) + cls.off


def run(job: str, request: str, output: str, times: str, clock: str) -> None:
    """Run once; an exception propagates, as it does from the handler.

    Args:
        job: stats or cleanup.
        request: prefix of the request ids, which all attempts share.
        output: file for what is logged.
        times: number of concurrent runs, each with a request of its own.
        clock: seconds by which the clock is wrong.
    """
    with open(output, "a", encoding="utf-8") as file:  # noqa: PTH123 - a stream of this process
        sys.stdout = sys.stderr = file
        handler = importlib.import_module(f"joytify_{job}.handler")
        if job == "stats":
            handler.PAGE_USERS = PAGE  # type: ignore[attr-defined] # only in tests
        _Clock.off = timedelta(seconds=float(clock))
        for name in ("joytify_common.mongo", "joytify_common.job"):
            importlib.import_module(name).datetime = _Clock  # type: ignore[attr-defined] # only in tests

        def once(number: int) -> None:
            context = Context(f"faults-{job}", f"{request}-{number}", time.monotonic() + SECONDS)
            handler.handler({}, context)

        with ThreadPoolExecutor(int(times)) as pool:
            list(pool.map(once, range(int(times))))
