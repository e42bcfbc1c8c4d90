"""Commands that take minutes, mostly of waiting: started before the first test, awaited by the tests that need them.

The tests may run in several processes. The one that divides them starts the commands; output and exit codes are kept in
files.
"""

from __future__ import annotations

import os
import shlex
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
# By the fixture that awaits it; first what most tests wait for.
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
STARTED = pytest.StashKey["Background | None"]()
INTERRUPT_SECONDS = 60


class Background:
    """Commands that run beside the tests, one after the other; output and exit code of each go to files."""

    def __init__(self, names: Iterable[str]) -> None:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        # The tests use the images meanwhile.
        environment = {**os.environ, "IMAGES_BUILT": "1"}
        # After an interrupt no next one begins.
        script = "\n".join(["trap exit INT TERM", *map(_script, names)])
        self._process = subprocess.Popen(["bash", "-c", script], env=environment, start_new_session=True)

    def stop(self) -> None:
        """End it if it is still running; an interrupt has it stop the servers that it started."""
        for number, seconds in ((signal.SIGINT, INTERRUPT_SECONDS), (signal.SIGTERM, LIMIT_SECONDS)):
            if self._process.poll() is None:
                os.killpg(self._process.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(seconds)


def begin(tests: Iterable[str]) -> Background | None:
    """Start what tests of these ids await; nothing without Terraform, which all of it needs."""
    wanted = awaited(tests) if shutil.which("terraform") else set()
    names = [name for name in COMMANDS if name in wanted]
    return Background(names) if names else None


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
        assert time.monotonic() < limit, f"{name} has not ended: see {_log(name)}"
        time.sleep(0.5)
    output = _log(name).read_text(encoding="utf-8")
    assert int(_code(name).read_text(encoding="ascii")) == 0, output
    return output


def _script(name: str) -> str:
    """Return what runs a command and keeps its exit code in a file, which is there as a whole or not at all."""
    code = _code(name)
    return f"{shlex.join(COMMANDS[name])} >{_log(name)} 2>&1; echo $? >{code}.new; mv {code}.new {code}"


def _log(name: str) -> Path:
    return FOLDER / f"{name}.log"


def _code(name: str) -> Path:
    return FOLDER / f"{name}.code"
