"""When a command ends after Ctrl-C: immediately, after a block that defers the interruption, or on a later Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

import pytest

PROGRAM = """
import signal, time
from joytify_cli import interruption
interruption.ENDING_SECONDS = 0.2
for each in interruption.SIGNALS:
    signal.signal(each, signal.default_int_handler)
interruption.handle_interruptions()
print("ready", flush=True)
"""
DEFERS = """
with interruption.deferred_interruption() as is_interrupted:
    signal.raise_signal(signal.SIGTERM)
    print(is_interrupted())
"""


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("signal.raise_signal(signal.SIGHUP)\nprint('not reached')", ["ready"]),
        (DEFERS, ["ready", "True"]),
        (f"{DEFERS}    raise ValueError", ["ready", "True"]),
        ("with interruption.deferred_interruption(): print(1)\nsignal.raise_signal(signal.SIGINT)", ["ready", "1"]),
    ],
    ids=["not deferred", "deferred", "deferred in a block that fails", "after a block"],
)
def test_every_signal_interrupts_the_command(code: str, printed: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM + code], capture_output=True, text=True, check=False)

    assert done.stdout.split() == printed
    assert done.stderr.splitlines()[-1] == "KeyboardInterrupt"


def test_a_signal_after_the_end_of_the_command_interrupts_nothing() -> None:
    code = """
import atexit
atexit.register(print, "last")
atexit.register(signal.raise_signal, signal.SIGINT)
interruption.end_interruptions()
signal.raise_signal(signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-c", PROGRAM + code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["ready", "last"], "")


def test_a_command_that_does_not_end_is_killed_by_a_later_signal() -> None:
    blocks = "with interruption.deferred_interruption(): time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", PROGRAM + blocks], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "ready\n"
        while command.poll() is None:
            command.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                command.wait(0.1)

    assert command.returncode == -signal.SIGINT
