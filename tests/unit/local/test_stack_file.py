from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from joytify_local.processes import StartError, started_before
from joytify_local.stack import STATE_FILE, Stack, load_stack


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    STATE_FILE.parent.mkdir()


def write(*, age: float = 0.0) -> None:
    """Write a stack file that contains this process and is `age` seconds old."""
    stack = Stack(way="embedded", aws="http://127.0.0.1:1", database="x", pids=(os.getpid(),), folder="none")
    STATE_FILE.write_text(json.dumps(vars(stack)), encoding="utf-8")
    then = time.time() - age
    os.utime(STATE_FILE, (then, then))


def test_a_process_that_began_after_the_stack_was_recorded_is_somebody_elses() -> None:
    """After a reboot, process ids are reused."""
    write(age=400 * 86_400)
    stale = load_stack()
    write()
    fresh = load_stack()

    assert stale is not None
    assert fresh is not None
    assert (stale.pids, fresh.pids) == ((), (os.getpid(),))


def test_started_before_is_false_for_a_process_that_has_ended() -> None:
    assert not started_before(2**22 + 1, time.time())
    assert started_before(os.getpid(), time.time())
    assert not started_before(os.getpid(), 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pids": []}', '{"way": "embedded", "pids": [], "other": 1}'])
def test_a_damaged_record_is_named(text: str) -> None:
    STATE_FILE.write_text(text, encoding="utf-8")

    with pytest.raises(StartError, match=r"stack\.json cannot be read"):
        load_stack()
