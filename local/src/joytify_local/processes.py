"""Start servers, wait until they answer, and stop them."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import httpx

START_SECONDS = 60
STOP_SECONDS = 15
POLL_SECONDS = 0.05
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Children of this process, which it must reap when they end. Processes of a stack that an earlier command started are
# not its children.
_children: dict[int, subprocess.Popen[bytes]] = {}


class StartError(Exception):
    """A server did not start, or the record of a stack is unreadable; the message gives the reason."""


def free_port(host: str) -> int:
    """Return a port that nothing listens on at this address."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def start(
    command: Sequence[str], log: Path, ready: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> int:
    """Start a server in its own session and wait until it is ready; return its process id.

    Raises:
        StartError: the server ended, or was not ready within a minute.
    """
    process: subprocess.Popen[bytes] | None = None
    try:
        with _deferred_interruption(), log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command lines
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
            _children[process.pid] = process
        limit = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > limit:
                _give_up(command, log)
            time.sleep(POLL_SECONDS)
    except BaseException:
        if process is not None:
            stop([process.pid])
        raise
    return process.pid


def _give_up(command: Sequence[str], log: Path) -> NoReturn:
    tail = log.read_text(errors="replace").strip().splitlines()[-5:]
    raise StartError(f"{Path(command[0]).name} did not start: " + " | ".join(tail))


def stop(pids: Sequence[int]) -> None:
    """Stop these processes and their groups, with SIGTERM first and then with SIGKILL.

    Each process leads its own group. If a pid does not lead a group, it has been reused by another
    process and is ignored.
    """
    pids = [pid for pid in pids if _leads_its_group(pid)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
    limit = time.monotonic() + STOP_SECONDS
    for pid in pids:
        while is_running(pid) and time.monotonic() < limit:
            time.sleep(POLL_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if (child := _children.pop(pid, None)) is not None:
            child.wait()


@contextmanager
def _handling(handler: Callable[[int, object], object] | signal.Handlers) -> Iterator[None]:
    """Give Ctrl-C, SIGTERM and SIGHUP to this handler during the block, unless they are ignored, as under `nohup`."""
    # Only the main thread may change handlers.
    is_main = threading.current_thread() is threading.main_thread()
    handled = [each for each in INTERRUPTIONS if is_main and signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, handler) for each in handled}
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)


@contextmanager
def _deferred_interruption() -> Iterator[None]:
    """Defer Ctrl-C, SIGTERM and SIGHUP to the end of the block.

    An interruption before a new process is recorded would leave it running.
    """
    noted: list[int] = []
    with _handling(lambda signum, _: noted.append(signum)):
        yield
    if noted:
        os.kill(os.getpid(), noted[0])


def uninterrupted() -> AbstractContextManager[None]:
    """Ignore Ctrl-C, SIGTERM and SIGHUP during the block: an interruption would leave processes and data behind."""
    return _handling(signal.SIG_IGN)


def _leads_its_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def started_before(pid: int, moment: float) -> bool:
    """Return whether the process exists and was started before a moment, in seconds since 1970."""
    try:
        # Parse only the text after the name, which is in parentheses and may contain anything;
        # field 22 is the start time, in ticks since boot:
        # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        ticks = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        boot = next(
            line for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines() if line.startswith("btime")
        )
    except (OSError, StopIteration):
        return False
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK") <= moment


def is_running(pid: int) -> bool:
    """Return whether the process exists and has not ended."""
    if (child := _children.get(pid)) is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answers(url: str, certificate: str = "") -> bool:
    """Return whether the URL answers with success; `certificate` is the path of a certificate to trust over TLS."""
    verify = ssl.create_default_context(cafile=certificate) if certificate else True
    try:
        return httpx.get(url, timeout=2, verify=verify).is_success
    except httpx.TransportError:
        return False
