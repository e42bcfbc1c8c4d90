from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from joytify_cli.main import app
from joytify_cli.operate import call, invoke
from joytify_cli.operate.answer import draw_answer
from joytify_cli.operate.invoke import changes_production, make_event
from joytify_cli.target import Target

NONE = {"period": None, "sweep": False, "testMode": False, "dryRun": False}


@pytest.mark.parametrize(
    ("function", "payload", "options", "expected"),
    [
        ("stats", "{}", {"period": "2026-10"}, {"period": "2026-10"}),
        ("cleanup", '{"triggeredBy": "me"}', {"sweep": True}, {"triggeredBy": "me", "sweep": True}),
        ("cleanup", '{"dryRun": false}', {"dryRun": True}, {"dryRun": True}),
        ("discord", '{"Records": []}', {}, {"Records": []}),
    ],
)
def test_options_are_added_to_the_payload(
    function: str, payload: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert make_event(function, payload, NONE | options) == expected


@pytest.mark.parametrize(
    ("function", "option"), [("cleanup", "period"), ("stats", "sweep"), ("discord", "dryRun"), ("discord", "testMode")]
)
def test_an_option_of_another_function_is_refused(function: str, option: str) -> None:
    with pytest.raises(typer.BadParameter, match=f"not to {function}"):
        make_event(function, "{}", NONE | {option: True})


@pytest.mark.parametrize(
    ("function", "event", "expected"),
    [
        ("cleanup", {}, True),
        ("stats", {}, True),
        ("cleanup", {"dryRun": True}, False),
        ("stats", {"testMode": True}, False),
        ("cleanup", {"heartbeat": True}, False),
        ("cleanup", {"plan": True}, False),
        ("cleanup", {"collection": "playbacks"}, True),
        ("discord", {}, False),
        # Even an event that the function would reject needs confirmation.
        ("cleanup", {"dryRun": "yes"}, True),
    ],
)
def test_changes_production_recognizes_harmless_events(function: str, event: dict[str, Any], *, expected: bool) -> None:
    assert changes_production(function, event) is expected


class FakeLambda:
    """A fake Lambda client that records the events it is invoked with.

    It also stands in for the clients of other AWS services.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def invoke(self, *, Payload: bytes, **_: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.events.append(json.loads(Payload))
        return {
            "Payload": io.BytesIO(b'{"recordsDeleted": 1234, "skipped": null}'),
            "ResponseMetadata": {"RequestId": "r"},
        }

    def get_paginator(self, _: str) -> FakeLambda:
        return self

    def paginate(self, **_: object) -> Iterable[dict[str, Any]]:
        return []


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> FakeLambda:
    """The function in an account, and a person at the terminal."""
    fake = FakeLambda()
    monkeypatch.setattr(Target, "client", lambda *_: fake)
    monkeypatch.setattr(invoke, "can_ask", lambda: True)
    monkeypatch.setattr(call, "LAST_LINES_SECONDS", 0)
    return fake


@pytest.mark.parametrize(
    ("lines", "events"),
    [
        ("n\n", []),
        ("y\n", [{}]),
        ("yes\n", [{}]),
        ("d\ny\n", [{"dryRun": True}, {}]),
        ("d\nn\n", [{"dryRun": True}]),
        ("d\n", [{"dryRun": True}]),
        ("\n", []),
        ("", []),
    ],
)
def test_the_answer_d_makes_a_dry_run_first(function: FakeLambda, lines: str, events: list[dict[str, Any]]) -> None:
    result = CliRunner().invoke(app, ["invoke", "cleanup", "--aws"], input=lines)

    assert function.events == events
    assert result.exit_code == (0 if "y" in lines else 1)
    assert ("1,234" in result.output) is bool(events)
    assert "PRODUCTION" in result.output


def test_without_a_terminal_the_command_requires_yes_instead_of_asking(
    function: FakeLambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoke, "can_ask", lambda: False)

    result = CliRunner().invoke(app, ["invoke", "stats", "--aws"])

    assert (result.exit_code, function.events) == (2, [])
    assert "--yes" in result.output
    assert CliRunner().invoke(app, ["invoke", "stats", "--aws", "--yes"]).exit_code == 0


def test_json_is_all_that_goes_to_standard_output(function: FakeLambda) -> None:
    asked = CliRunner().invoke(app, ["invoke", "cleanup", "--aws", "--json"], input="y\n")
    queued = CliRunner().invoke(app, ["invoke", "cleanup", "--aws", "--json", "--async", "--yes"])

    assert json.loads(asked.stdout) == {"recordsDeleted": 1234, "skipped": None}
    assert "PRODUCTION" in asked.stderr
    assert json.loads(queued.stdout) == {"requestId": "r"}
    assert function.events == [{}, {}]


def test_ctrl_c_does_not_wait_for_the_run(function: FakeLambda, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def slow(**_: object) -> dict[str, Any]:
        release.wait(60)
        return {"Payload": io.BytesIO(b"{}"), "ResponseMetadata": {}}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(function, "invoke", slow)
    monkeypatch.setattr(call, "_show_log", interrupted)
    monkeypatch.setattr(call, "POLL_SECONDS", 0.01)
    result = CliRunner().invoke(app, ["invoke", "cleanup", "--aws", "--yes"])

    assert not release.is_set()
    assert result.exit_code != 0
    assert "a run that has started continues; its log: joytify tail cleanup --follow --aws" in result.output
    release.set()


@pytest.mark.usefixtures("function")
def test_ctrl_c_with_json_says_on_standard_error_that_a_run_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("joytify_cli.operate.call.Queue.get", interrupted)
    result = CliRunner().invoke(app, ["invoke", "cleanup", "--aws", "--yes", "--json"])

    assert result.exit_code == 130
    assert result.stdout == ""
    assert "a run that has started continues" in result.stderr


def test_discord_is_not_invoked_without_a_message(function: FakeLambda) -> None:
    result = CliRunner().invoke(app, ["invoke", "discord", "--aws"])

    assert (result.exit_code, function.events) == (2, [])
    assert "--payload" in result.output


def test_an_answer_is_drawn_whatever_it_is() -> None:
    answers: list[Any] = [
        None,
        "text [/x]",
        {"a": "[/x] [bold]"},
        [1],
        {},
        {"a": {"b": {"c": 1.5}}, "l": [{"x": 1}, {"y": None}], "m": [1]},
    ]

    assert [len(list(draw_answer(answer))) for answer in answers] == [1, 1, 1, 1, 1, 2]


def test_a_list_of_nested_objects_in_an_answer_is_drawn_as_a_table() -> None:
    ranges = [
        {"collection": "playbacks", "range": {"from": "2026-01-01", "to": "2026-02-01"}, "documents": None},
        {"collection": "playbacks", "range": {"from": "2026-02-01", "to": "2026-03-01"}, "documents": 1500},
    ]
    console = Console(width=120, record=True, file=io.StringIO())

    console.print(*draw_answer({"workers": 1, "ranges": ranges}))

    told = console.export_text()
    assert "range.from" in told
    assert "2026-03-01" in told
    assert "1,500" in told
    assert "{" not in told


def test_push_again_cannot_be_combined_with_async_or_resend() -> None:
    for words, says in (
        (["--push-again", "--async"], "cannot be combined with --async"),
        (["--push-again", "--resend"], "cannot be combined with resend or rebuild"),
    ):
        result = CliRunner().invoke(app, ["invoke", "stats", *words])

        assert result.exit_code == 2
        assert says in " ".join(result.output.replace("│", " ").split())
