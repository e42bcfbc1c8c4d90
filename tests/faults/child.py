"""One attempt of a function, in a process of its own: from the connection string on, as Lambda has it."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from cleanup_run import clean_up
from month_end import month_end
from oracle import SECRET
from pydantic import SecretStr
from pymongo.errors import PyMongoError

import joytify_common.mongo
from joytify_common import logs
from joytify_common.errors import JobError
from joytify_common.masking import hide
from joytify_common.mongo import connect
from joytify_stats.backend import Backend

SECONDS = 40.0
STATS_AT_ONCE, CLEANUPS_AT_ONCE = 20, 5


class _Clock(datetime):
    """A clock that is wrong by `off`."""

    off = timedelta()

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override] # of a test
        del tz
        return datetime.now(UTC) + cls.off


def run(job: str, uri: str, name: str, backend: str, output: str, mode: str) -> None:  # noqa: PLR0917 - a fork's arguments are texts
    """Run once; an error leaves it, as it leaves the handler.

    Args:
        job: stats or cleanup.
        uri: connection string.
        name: of the database.
        backend: address of the backend; empty for one that takes everything.
        output: file for what is logged.
        mode: `at once`, or the seconds by which the clock is wrong.
    """
    with open(output, "a", encoding="utf-8") as file:  # noqa: PTH123 - a stream of this process
        sys.stdout = sys.stderr = file
        hide(SECRET)
        logs.configure("DEBUG")
        off = timedelta(seconds=0 if mode == "at once" else float(mode))
        _Clock.off = off
        joytify_common.mongo.datetime = _Clock  # type: ignore[attr-defined] # of a test
        try:
            _run(job, SecretStr(uri), name, backend, _Clock.now(), times=_times(job) if mode == "at once" else 1)
        except (JobError, PyMongoError) as exc:
            print(f"attempt failed: {exc} {SECRET[:3]}")  # noqa: T201 - what is looked at
            os._exit(1)


def _times(job: str) -> int:
    return STATS_AT_ONCE if job == "stats" else CLEANUPS_AT_ONCE


def _run(job: str, uri: SecretStr, name: str, backend: str, now: datetime, *, times: int) -> None:
    database = connect(uri, name)
    taker = Backend(backend, SecretStr(SECRET), read_seconds=2.0) if backend else None

    def once(number: int) -> None:
        if job == "stats":
            month_end(database, chunk=50, seconds=SECONDS, run_id=f"run {number}", backend=taker, now=now)
        else:
            clean_up(database, batch_size=100, seconds=SECONDS, now=now)

    if times == 1:
        once(0)
        return
    with ThreadPoolExecutor(times) as pool:
        list(pool.map(once, range(times)))
