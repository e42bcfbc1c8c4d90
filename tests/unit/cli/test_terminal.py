"""Text from outside (logs, responses, files) is printed without terminal control sequences."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from joytify_cli import terminal
from joytify_cli.main import app
from joytify_cli.operate.answer import draw_answer
from joytify_cli.operate.log_view import LogView
from joytify_cli.operate.logs import parse

# Sets the clipboard, clears the screen, sets the colour, moves the cursor back, and reverses the direction of writing.
ODD = "a\x1b]52;c;aGk=\x07b\x1b[2Jc\x9b31md\re\x08f\u202eg\u061c"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the terminal gets."""
    file = io.StringIO()
    console = terminal.make_console(file=file, force_terminal=True)
    monkeypatch.setattr(terminal, "console", console)
    monkeypatch.setattr("joytify_cli.operate.log_view.console", console)
    return file


def clean(text: str) -> bool:
    """Return whether the text contains no control sequences except rich's own styles."""
    import re  # noqa: PLC0415

    return not terminal.UNSAFE.search(re.sub(r"\x1b\[[\d;]*m", "", text))


@pytest.mark.parametrize(
    "drawn",
    [ODD, Text(ODD, style="bold"), *draw_answer({ODD: ODD, "rows": [{ODD: ODD}]})],
    ids=["text", "styled", "table", "rows"],
)
def test_control_characters_are_shown_and_not_sent(screen: io.StringIO, drawn: RenderableType) -> None:
    terminal.console.print(drawn)

    assert clean(screen.getvalue())
    assert "\\x1b" in screen.getvalue()


def test_an_argument_that_is_refused_is_quoted_without_control_characters() -> None:
    refused = CliRunner().invoke(app, ["invoke", "stats", "--payload", json.dumps({ODD: 1})])

    assert refused.exit_code == 2
    assert clean(refused.output)
    assert "\\x1b" in refused.output


def test_rich_markup_and_emoji_codes_in_data_are_printed_literally(screen: io.StringIO) -> None:
    table = Table("[bold]key[/bold]")
    table.add_row("arn:aws:secretsmanager:eu-west-1:1:secret:NAME [red]x[/red]")
    terminal.console.print(table)
    terminal.say("secret:lock: [link=https://evil.example]x[/link]")

    assert ":secret:NAME [red]x[/red]" in screen.getvalue()
    assert "secret:lock: [link=https://evil.example]x[/link]" in screen.getvalue()
    assert "[bold]key[/bold]" in screen.getvalue()


def test_json_is_escaped_and_still_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo_json({"odd": ODD, "ordinary": "日本語"})

    printed = capsys.readouterr().out
    assert json.loads(printed) == {"odd": ODD, "ordinary": "日本語"}
    assert clean(printed.replace("\n", ""))
    assert "日本語" in printed


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        json.dumps({"type": "platform.report", "record": {"status": 5, "metrics": {"a": "x"}}}),
        json.dumps({"type": "platform.start", "record": []}),
        json.dumps({"timestamp": "0001-01-01T00:00:00+14:00", "level": None, "message": None}),
        json.dumps({"_aws": None, "service": [], "x": []}),
        json.dumps({"message": {"a": 1}, "level": ["x"], "requestId": {"a": 1}}),
        "\x00\x1b[2J",
        "",
    ],
)
def test_a_malformed_log_line_is_printed_safely(screen: io.StringIO, line: str) -> None:
    LogView().show(parse({"timestamp": 1_790_000_000_000, "message": line, "logStreamName": "s"}))

    assert clean(screen.getvalue())
