"""Starts runs that a test can kill: each is forked from one process that has already imported the modules."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SERVER = """
import json, os, sys
names = {}
exec(sys.argv[1], names)
while line := sys.stdin.readline():
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            names["run"](*json.loads(line))
            code = 0
        finally:
            os._exit(code)
    print(pid, flush=True)
    # The child is reaped only when its exit code is asked for, so that its process id is not reused until then.
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
TESTS = Path(__file__).parent


class Forks:
    """Makes the runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *arguments: str) -> int:
        """Run to the end and return the exit code."""
        self._start(arguments)
        return self._end()

    def kill(self, seconds: float, *arguments: str) -> bool:
        """Kill a run after some seconds; return whether it was still running."""
        pid = self._start(arguments)
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        return self._end() == -signal.SIGKILL

    def freeze(self, after: float, seconds: float, *arguments: str) -> int:
        """Freeze a run for some seconds, as Lambda freezes a container; return its exit code."""
        pid = self._start(arguments)
        time.sleep(after)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        return self._end()

    def _start(self, arguments: tuple[str, ...]) -> int:
        return self._ask(json.dumps(arguments))

    def _end(self) -> int:
        return self._ask("")

    def _ask(self, line: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def forks(code: str, variables: Mapping[str, str] | None = None) -> Iterator[Forks]:
    """Yield a runner for the function `run` defined in `code`; its arguments must be strings."""
    environment = {**os.environ, **(variables or {}), "PYTHONPATH": f"{TESTS}:{TESTS / 'integration'}"}
    command = [sys.executable, "-c", SERVER, code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        try:
            yield Forks(process)
        finally:
            process.kill()
