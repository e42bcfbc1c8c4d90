"""Tests what all commands share: help, version, exit codes and imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from joytify_cli import target
from joytify_cli.main import COMMANDS, app
from joytify_common.errors import ConfigError

# Hides joytify_local, its dependencies and matplotlib, as on an operator's machine.
WITHOUT_LOCAL = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"joytify_local", "ministack", "fiftyone", "starlette", "uvicorn", "matplotlib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from joytify_cli.main import app
app(sys.argv[1:])
"""
SLOW = ("boto3", "botocore", "pymongo", "bson", "httpx", "pydantic", "loguru", "joytify_local", "matplotlib")


def _leaves(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield words, command
        return
    for name, each in inner.items():
        yield from _leaves(each, (*words, name))


ALL = [
    pytest.param(words, leaf, id=" ".join(words))
    for command in COMMANDS
    if not command.hidden
    for words, leaf in _leaves(command.load(), (str(command.name),))
]


@pytest.mark.parametrize(("words", "command"), ALL)
def test_every_command_has_help_with_an_example(words: tuple[str, ...], command: object) -> None:
    text = str(getattr(command, "help", ""))
    result = CliRunner().invoke(app, [*words, "--help"])

    assert result.exit_code == 0
    assert f"Example: joytify {' '.join(words)}" in text


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.hidden], ids=lambda command: str(command.name))
def test_every_command_has_a_summary_in_the_help(command: object) -> None:
    summary = str(getattr(command, "help", ""))

    assert summary[-1] in ".?"
    assert summary in CliRunner().invoke(app, ["--help"]).output


def test_help_imports_no_library_that_it_does_not_need() -> None:
    code = "import sys, joytify_cli.main; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) & set(SLOW) == set()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--help"], 0, "Run and operate"),
        (["doctor", "--help"], 0, "exit 1 if something is wrong"),
        (["tail", "--help"], 0, "grouped by run"),
        (["capacity", "--users", "10"], 0, "On average"),
        (["preview", "--json"], 0, "[\n"),
        (["push", "--registry", "localhost:1"], 1, "push: FAILED"),
        (["tail", "stats"], 2, "pip install './local[embedded]' for a local stack, or use --aws"),
        (["demo"], 2, "pip install './local[embedded]'"),
        (["capacity", "--png", "x.png"], 2, "pip install './cli[chart]'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_operators_commands_run_without_joytify_local(
    tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    command = [sys.executable, "-c", WITHOUT_LOCAL, *words]
    done = subprocess.run(command, input="hello", cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_names_the_wheels_version_and_gits_revision() -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout[:12]

    told = CliRunner().invoke(app, ["--version"]).output

    assert told.startswith(f"joytify 1.0.0, revision {head}")


def test_an_error_that_a_user_can_act_on_is_printed_as_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise ConfigError("secret X: access is denied")

    monkeypatch.setattr(target, "Target", refused)
    result = CliRunner().invoke(app, ["tail", "stats", "--aws"])

    assert (result.exit_code, result.output) == (1, "error: secret X: access is denied\n")


def test_a_bug_in_our_code_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(target, "Target", broken)

    with pytest.raises(RuntimeError, match="a bug"):
        CliRunner().invoke(app, ["tail", "stats", "--aws"], catch_exceptions=False)


def test_the_shell_completes_commands_and_functions() -> None:
    completed = {
        "joytify ta": "tail",
        "joytify tail cl": "cleanup",
        "joytify schedule p": "pause",
        "joytify schedule set test": "test_auto",
    }
    program = str(Path(sys.executable).with_name("joytify"))
    for line, word in completed.items():
        environment = {"_JOYTIFY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)

        assert done.stdout.split() == [word], done.stderr


def test_names_are_those_of_terraform() -> None:
    """terraform/tests check the same names against the plan."""
    dev = target.Names(environment="dev")

    assert json.dumps(dev.functions) == json.dumps(
        {
            "stats": "joytify-dev-monthly-stats-notification",
            "cleanup": "joytify-dev-playback-data-cleanup",
            "discord": "joytify-dev-discord-notification",
        }
    )
    assert (dev.secret, target.Names().secret) == ("MERN_JOYTIFY_ENVS_DEV", "MERN_JOYTIFY_ENVS")


def test_an_unknown_command_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["docter"])

    assert result.exit_code == 2
    assert "doctor" in result.output
