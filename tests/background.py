"""Commands that take minutes, mostly of waiting: started before the first test, awaited by the tests that need them.

The tests may run in several processes. The one that divides them starts the commands; output and exit codes are kept in
files.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FOLDER = Path("build/background")
COMMANDS: dict[str, Sequence[str]] = {
    "deployment": ("make", "deploy-local"),
    "second_emulator": ("nice", sys.executable, "tests/second_emulator.py"),
}
# The files whose tests await them.
AWAITED_IN = {
    "deployment": ("test_deployment.py", "test_operations.py", "test_state_machine.py"),
    "second_emulator": ("test_second_emulator.py",),
}
LIMIT_SECONDS = 25 * 60
STARTED = pytest.StashKey[list["Background"]]()
INTERRUPT_SECONDS = 60
# Runs a command and keeps its exit code in a file, which is there as a whole or not at all.
KEEP_CODE = 'code=$1; shift; "$@"; echo $? >"$code.new"; mv "$code.new" "$code"'


class Background:
    """A command that runs beside the tests; its output and its exit code go to files."""

    def __init__(self, name: str) -> None:
        # The tests use the images meanwhile.
        environment = {**os.environ, "IMAGES_BUILT": "1"}
        command = ["bash", "-c", KEEP_CODE, name, str(_code(name)), *COMMANDS[name]]
        with _log(name).open("w") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )

    def stop(self) -> None:
        """End it if it is still running; an interrupt has it stop the servers that it started."""
        for number, seconds in ((signal.SIGINT, INTERRUPT_SECONDS), (signal.SIGTERM, LIMIT_SECONDS)):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)


def begin(tests: Iterable[str]) -> list[Background]:
    """Start what tests of these ids await; nothing without Terraform, which all of it needs."""
    names = sorted(awaited(tests)) if shutil.which("terraform") else []
    if names:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
    return [Background(name) for name in names]


def awaited(tests: Iterable[str]) -> set[str]:
    """Return the commands that tests of these ids await."""
    files = {Path(test.partition("::")[0]) for test in tests}
    return {
        name
        for name, wanted in AWAITED_IN.items()
        if any(file.parts[-2:-1] == ("terraform",) and file.name in wanted for file in files)
    }


def await_command(name: str) -> str:
    """Return what the command printed, once it has ended; an assertion fails if it failed.

    Without Terraform, which all of them need, the test is skipped.
    """
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed here")
    limit = time.monotonic() + LIMIT_SECONDS
    while not _code(name).exists():
        assert time.monotonic() < limit, f"{name} has not ended: {_log(name).read_text(encoding='utf-8')}"
        time.sleep(0.5)
    output = _log(name).read_text(encoding="utf-8")
    assert int(_code(name).read_text(encoding="ascii")) == 0, output
    return output


def _log(name: str) -> Path:
    return FOLDER / f"{name}.log"


def _code(name: str) -> Path:
    return FOLDER / f"{name}.code"
