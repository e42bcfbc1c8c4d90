"""Commands that take minutes, mostly of waiting: started before the first test, awaited by the tests that need them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# By the fixture that awaits it.
COMMANDS: dict[str, Sequence[str]] = {
    "deployment": ("make", "deploy-local"),
    "second_emulator": (sys.executable, "tests/second_emulator.py"),
}
LIMIT_SECONDS = 25 * 60
STARTED = pytest.StashKey[dict[str, "Background"]]()


class Background:
    """A command that runs beside the tests; its output goes to a file."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log, self._output = log, log.open("w")
        # The tests use the images meanwhile.
        environment = {**os.environ, "IMAGES_BUILT": "1"}
        self._process = subprocess.Popen(command, stdout=self._output, stderr=subprocess.STDOUT, env=environment)

    def wait(self) -> str:
        """Return what it printed, once it has ended; an assertion fails if it failed."""
        code = self._process.wait(LIMIT_SECONDS)
        output = self._log.read_text(encoding="utf-8")
        assert code == 0, output
        return output

    def stop(self) -> None:
        """End it if it is still running."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(LIMIT_SECONDS)
        self._output.close()


def await_command(config: pytest.Config, fixture: str) -> str:
    """Return what the fixture's command printed; without Terraform, which all of them need, the test is skipped."""
    if (background := config.stash[STARTED].get(fixture)) is None:
        pytest.skip("Terraform is not installed here")
    return background.wait()


def needed(items: Iterable[pytest.Item]) -> set[str]:
    """Return the fixtures among the tests' for which there is a command."""
    if shutil.which("terraform") is None:
        return set()
    used = {name for item in items for name in getattr(item, "fixturenames", ())}
    return used & COMMANDS.keys()
