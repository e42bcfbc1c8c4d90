from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories import alarm_text, sns_event
from typer.testing import CliRunner

from joytify_cli.main import app


@pytest.fixture(autouse=True)
def _no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MONGODB_URI", raising=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data", "generate", "0"], "greater than or equal to 1"),
        (["data", "generate", "many"], "valid integer"),
        (["data", "generate", "--", "-3"], "greater than or equal to 1"),
        (["data", "generate", "10", "--playbacks-per-user", "-1"], "greater than or equal to 0"),
        (["data", "stats"], "no local stack was started in this folder"),
        (["invoke", "stats"], "no local stack was started in this folder"),
        (["preview", "no-such-file"], "No such file"),
        (["preview", "--timezone", "Mars"], "not an IANA time zone"),
        (["invoke", "everything"], "not one of 'stats', 'cleanup', 'discord'"),
        (["invoke", "stats", "--payload", "{"], "must be JSON"),
        (["invoke", "stats", "--period", "2026-13"], "Invalid value for --period: it must be a month"),
        (
            ["invoke", "stats", "--resend", "--push-again"],
            "Invalid value for --resend and --push-again: pushAgain cannot",
        ),
        (["scale", "--rate", "inf"], "unable to parse string as an integer"),
        (["capacity", "--active-share", "nan"], "less than or equal to 1"),
        (["capacity", "--uri", "mongodb://x"], "add --measure"),
        (["doctor", "--digests", "no-such-file"], "does not exist"),
        (["data", "clear", "--uri", ""], "--uri is empty"),
        (["data", "stats", "--uri", "cluster.example.com"], "must begin with mongodb://"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_refused_with_a_readable_error(words: list[str], says: str) -> None:
    result = CliRunner().invoke(app, words)

    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    "given",
    [
        json.dumps(sns_event("hello *you*")),
        json.dumps(sns_event("hello *you*")["Records"][0]["Sns"]),
        "hello *you*",
    ],
    ids=["an SNS event", "an SNS message", "a bare message"],
)
def test_a_preview_shows_what_discord_would_get(given: str) -> None:
    told = CliRunner().invoke(app, ["preview", "--json"], input=given)
    drawn = CliRunner().invoke(app, ["preview"], input=given)

    (payload,) = json.loads(told.output)
    assert payload["embeds"][0]["title"] == "🔹 hello ∗you∗"  # noqa: RUF001
    assert payload["allowed_mentions"] == {"parse": []}
    assert "hello ∗you∗" in drawn.output  # noqa: RUF001


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "messages").glob("*.*")), ids=lambda path: path.stem
)
def test_every_sample_can_be_drawn(path: Path) -> None:
    assert CliRunner().invoke(app, ["preview", str(path)]).exit_code == 0


def test_a_preview_prints_brackets_literally_and_applies_edits() -> None:
    drawn = CliRunner().invoke(app, ["preview"], input="see [/var/log] now")
    two = json.dumps(sns_event(alarm_text(), alarm_text(NewStateValue="OK"), alarm_text(AlarmArn="arn:other")))
    told = json.loads(CliRunner().invoke(app, ["preview", "--json"], input=two).output)

    assert "see [/var/log] now" in drawn.output
    assert [payload["embeds"][0]["title"][:1] for payload in told] == ["✅", "❌"]


def test_the_demo_in_containers_requires_running_containers() -> None:
    result = CliRunner().invoke(app, ["demo", "--containers"])

    assert result.exit_code == 1
    assert result.output.strip() == "demo: FAILED no container stack is recorded: run `make up` first"


def test_a_preview_shows_times_as_people_read_them() -> None:
    drawn = CliRunner().invoke(app, ["preview", "--timezone", "Asia/Taipei"], input=alarm_text())

    assert "<t:" not in drawn.output
    assert " CST" in drawn.output


def test_a_damaged_stack_file_is_reported_without_a_traceback() -> None:
    Path("build").mkdir()
    Path("build/stack.json").write_text("{", encoding="utf-8")

    result = CliRunner().invoke(app, ["doctor"])

    assert result.exit_code == 2
    assert "build/stack.json cannot be read" in result.output
