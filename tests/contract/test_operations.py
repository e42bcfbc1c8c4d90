"""docs/operations.md explains every message and alarm."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from deployed import ALARMS
from factories import sns_event
from operations_page import first_cells, first_difference, session
from own_messages import EVERY_MESSAGE, cleanup_summary

from joytify_discord.envelopes import parse_event
from joytify_discord.rendering.dispatch import render
from joytify_local.aws import FUNCTIONS

MESSAGES = {
    **EVERY_MESSAGE,
    # Each of these stop reasons ends a run for good, with a title of its own. After `deadline` another run continues,
    # and `deletion_limit` is an error.
    **{
        f"stopped: {reason}": cleanup_summary(stop_reason=reason, remaining_records=5)
        for reason in ("no_progress", "continuations_exhausted")
    },
}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_explained(name: str) -> None:
    (received,) = parse_event(sns_event(MESSAGES[name].model_dump_json()))
    title = re.sub(r"^\S+ | \[TEST MODE\]$", "", render(received, ZoneInfo("UTC")).title)
    patterns = [".*".join(map(re.escape, row.split("..."))) for row in first_cells("What each message means")]

    assert [pattern for pattern in patterns if re.fullmatch(pattern, title)], title


def test_every_alarm_is_explained() -> None:
    kinds = {re.sub(r'.*\["(.*)"\]$', r"\1", alarm.replace('fan_out["', '["cleanup-fan-out-')) for alarm in ALARMS}
    kinds = (kinds - FUNCTIONS.keys()) | {"silence", "report-lost", "storage"}
    kinds.discard("aws_cloudwatch_metric_alarm.storage")

    assert {name.removeprefix("F-").removeprefix("joytify-") for name in first_cells("What each alarm means")} == kinds


def test_the_page_contains_the_example_session() -> None:
    """tests/deploy runs the commands."""
    commands = [command for command, _ in session("Example: a failed cleanup")]

    assert len(commands) == 9
    assert commands[0].startswith("joytify doctor")


@pytest.mark.parametrize(
    ("shown", "actual", "missing"),
    [
        (["a", "...", "b"], "a\nc\nd\nb\n", None),
        (["a", "b"], "a\nc\nb", "b"),
        (["a"], "a\nwrong", "expected no more output, got wrong"),
        (["...", "a", "..."], "x\na\ny", None),
        (["a...c"], "abbc", None),
        (["b", "a"], "a\nb", "b"),
        (["3 wrong"], "2 wrong", "3 wrong"),
        (["at 2026-11-25 18:17:03 UTC"], "at 2027-01-01 00:00:00 CET", None),
        (["run 340ea392-5816-411f-a449-59f55a03da61"], "run 00000000-0000-0000-0000-000000000000", None),
        (["2 wrong"], "all is well", "2 wrong"),
    ],
)
def test_a_documented_line_that_is_missing_from_the_output_is_reported(
    shown: list[str], actual: str, missing: str | None
) -> None:
    assert first_difference(shown, actual) == missing
