from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from joytify_cli.main import app

if TYPE_CHECKING:
    from pathlib import Path


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
        (["data", "stats"], "no local stack is running"),
        (["invoke", "stats"], "no local stack is running"),
        (["invoke", "everything"], "none of stats, cleanup, discord"),
        (["invoke", "stats", "--payload", "{"], "must be JSON"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_are_refused_with_a_sentence(words: list[str], says: str) -> None:
    result = CliRunner().invoke(app, words)

    assert result.exit_code == 2
    assert says in " ".join(result.output.replace("│", " ").split())


def test_a_demo_through_containers_needs_them_up() -> None:
    result = CliRunner().invoke(app, ["demo", "--containers"])

    assert result.exit_code == 1
    assert result.output.strip() == "demo: FAILED the containers are not up: run `make up` first"
