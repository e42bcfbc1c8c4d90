"""The state machine's definition, checked with a port of AWS' own linter of the Amazon States Language."""

from __future__ import annotations

import json
import subprocess
import sys

from state_machine import definition

VALUES = {
    "partition": "aws",
    "cleanup_arn": "arn:aws:lambda:ap-northeast-1:123456789012:function:joytify-playback-data-cleanup",
    "queue_url": "https://sqs.ap-northeast-1.amazonaws.com/123456789012/joytify-cleanup-failed",
    "workers": "8",
}


def lint(text: str) -> str:
    """Return the linter's output; it is empty if there is no error."""
    command = [sys.executable, "-m", "statelint", text]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_the_linter_finds_nothing_but_a_field_that_it_does_not_know() -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html describes `Label`."""
    assert lint(definition(VALUES)).strip().splitlines() == [
        "One error:",
        ' Field "Label" not allowed in State Machine.States.Spans',
    ]


def test_the_linter_finds_what_is_wrong() -> None:
    wrong = json.loads(definition(VALUES))
    wrong["States"]["Spans"]["Next"] = "Nowhere"
    wrong["States"]["Plan"]["Retry"][0]["MaxAttemts"] = 0

    found = lint(json.dumps(wrong))

    assert "Nowhere" in found
    assert "MaxAttemts" in found
