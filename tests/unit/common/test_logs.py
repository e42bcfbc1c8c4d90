from __future__ import annotations

import json
import logging

import pytest
import stamina

from joytify_common import logs
from joytify_common.errors import TransientError


def test_a_repeated_call_is_logged_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")

    for attempt in stamina.retry_context(on=TransientError, attempts=2, wait_initial=0, wait_jitter=0):
        with attempt:
            if attempt.num == 1:
                raise TransientError("MongoDB did not answer")

    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"]) == ("WARNING", "a call failed and will be retried")
    assert line["error"] == "TransientError: MongoDB did not answer"


@pytest.mark.parametrize(("level", "name"), [(logging.ERROR, "ERROR"), (35, "Level 35")])
def test_a_librarys_line_keeps_its_level(capsys: pytest.CaptureFixture[str], level: int, name: str) -> None:
    logs.configure("INFO")

    logging.getLogger("a.library").log(level, "%s is odd", "something")

    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["message"], line["logger"]) == (name, "something is odd", "a.library")
