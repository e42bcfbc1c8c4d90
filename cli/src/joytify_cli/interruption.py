"""Handling of Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import atexit
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A command has this long to end after Ctrl-C; then a second Ctrl-C kills it.
ENDING_SECONDS = 5.0
SHOW_CURSOR = b"\x1b[?25h\n"

_interrupted_at: float | None = None
_is_deferred = False


def handle_interruptions() -> None:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does."""
    # The callback that is registered first runs last; after it, Python would give the signals their default effect.
    atexit.register(_ignore_interruptions)
    for signum in SIGNALS:
        # `nohup` ignores SIGHUP, and a shell ignores SIGINT for a process in the background.
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _interrupt)


def _interrupt(signum: int, _: object) -> None:
    """Interrupt the command; ignore further signals while it ends, but not for ever."""
    global _interrupted_at  # noqa: PLW0603 - a signal belongs to the whole process
    if _interrupted_at is None:
        _interrupted_at = time.monotonic()
        if not _is_deferred:
            raise KeyboardInterrupt
    elif time.monotonic() - _interrupted_at > ENDING_SECONDS:
        signal.signal(signum, signal.SIG_DFL)
        # The progress bar has hidden the cursor.
        if os.isatty(2):
            os.write(2, SHOW_CURSOR)
        os.kill(os.getpid(), signum)


def end_interruptions() -> None:
    """Let no further signal interrupt the program, which has done its work; it may still kill a program that hangs."""
    global _interrupted_at  # noqa: PLW0603 - a signal belongs to the whole process
    _interrupted_at = _interrupted_at or time.monotonic()


def _ignore_interruptions() -> None:
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


@contextmanager
def deferred_interruption() -> Iterator[Callable[[], bool]]:
    """Defer an interruption to the end of the block; yield a function that returns whether the command was interrupted.

    So a block that writes can count everything that it wrote: no interruption separates a write from its count. Nor
    does an interruption hit `ThreadPoolExecutor` while it starts a thread; the pool would not wait for that thread.
    Such blocks must not be nested.

    Raises:
        KeyboardInterrupt: the command was interrupted; if the block raised an error, this replaces the error.
    """
    global _is_deferred  # noqa: PLW0603 - a signal belongs to the whole process
    _is_deferred = True
    try:
        yield lambda: _interrupted_at is not None
    finally:
        _is_deferred = False
        if _interrupted_at is not None:
            raise KeyboardInterrupt
