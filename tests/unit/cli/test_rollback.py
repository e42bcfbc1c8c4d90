"""`joytify rollback` in a repository of the test's own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from joytify_cli.main import app
from joytify_cli.target import FUNCTIONS


def git(*words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return subprocess.run(["git", *identity, *words], capture_output=True, text=True, check=True).stdout.strip()


def written(file: Path, digit: str) -> str:
    """Write digests that repeat this digit, commit the file, and return the commit."""
    digests = dict.fromkeys(FUNCTIONS, "sha256:" + digit * 64)
    file.write_text(json.dumps({"image_digests": digests}, indent=2) + "\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", f"Deploy {digit}")
    return git("rev-parse", "--short", "HEAD")


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["rollback", *words])
    return done.exit_code, done.output


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of prod's digests file in a new repository; the file does not exist yet."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    (tmp_path / "terraform").mkdir()
    return tmp_path / "terraform" / "images.prod.tfvars.json"


def test_the_images_of_a_commit_are_written_and_nothing_else(file: Path) -> None:
    first = written(file, "1")
    before = file.read_text()
    second = written(file, "2")

    code, shown = run()
    assert code == 0
    assert [line for line in shown.splitlines() if second in line and "current" in line]
    assert [line for line in shown.splitlines() if first in line and "differ" in line]
    code, told = run(first)

    assert code == 0
    assert file.read_text() == before
    assert "terraform -chdir=terraform apply -var-file=prod.tfvars -var-file=images.prod.tfvars.json" in told
    assert "already" in run(first)[1]
    assert git("log", "--oneline").count("\n") == 1


def test_an_unknown_commit_missing_digests_and_a_file_without_history_are_reported(file: Path) -> None:
    written(file, "1")

    assert run("0000000")[0] == 1
    other = git("rev-parse", "HEAD")
    file.write_text('{"image_digests": {"stats": "sha256:1"}}')
    git("commit", "-aqm", "by hand")
    assert "has no image for cleanup, discord; nothing was written" in run("HEAD")[1]
    git("reset", "-q", "--hard", other)
    code, told = run("--environment", "dev")
    assert (code, "images.dev.tfvars.json" in told) == (2, True)
