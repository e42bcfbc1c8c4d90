"""`joytify rollback`: which images there were, and back to those of a commit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from joytify_cli.operate.push import digests_file
from joytify_cli.target import FUNCTIONS, EnvironmentName
from joytify_cli.terminal import CommandError, UsageError, console, say

SHOWN = 10


def rollback(
    commit: Annotated[str, typer.Argument(help="Go back to the images of this commit; none: only show them")] = "",
    *,
    environment: Annotated[EnvironmentName, typer.Option(help="Whose images")] = "prod",
    folder: Annotated[Path, typer.Option(help="Where images.ENVIRONMENT.tfvars.json is")] = Path("terraform"),
) -> None:
    """Show the images of an environment in Git's history, or write those of a commit for Terraform.

    Nothing is applied: the last lines say what is next.

    Example: joytify rollback 0123abcd
    """
    file = digests_file(environment, folder)
    now = _digests(file.read_text(encoding="utf-8")) if file.exists() else {}
    if not commit:
        _show(file, now)
        return
    # A name such as HEAD~1 moves with the commit that is to come.
    commit = _git("rev-parse", "--short", f"{commit}^{{commit}}")
    text = _git("show", f"{commit}:./{file.as_posix()}")
    then = _digests(text)
    if missing := [name for name in FUNCTIONS if not then.get(name)]:
        raise CommandError(f"{file} of {commit} names no image of {', '.join(missing)}; nothing was written")
    if then == now:
        say(f"{file} has the images of {commit} already")
        return
    for name in FUNCTIONS:
        if then.get(name) != now.get(name):
            say(f"{name:<8} {now.get(name, 'none')}\n      -> {then.get(name, 'none')}")
    file.write_text(text + "\n", encoding="utf-8")
    say(f"{file} has the images of {commit}; Terraform's own files are as they are. Next:")
    variables = f"-var-file={environment}.tfvars -var-file={file.name}"
    say(f"  terraform -chdir={folder} apply {variables}")
    say(f"  git commit -m 'Roll back {environment} to the images of {commit}' {file}")


def _show(file: Path, now: Mapping[str, str]) -> None:
    commits = _git("log", f"-{SHOWN}", "--format=%h%x09%as%x09%s", "--", file.as_posix()).splitlines()
    if not commits:
        raise UsageError(f"Git knows no {file}: `make push` writes it, then commit it")
    table = Table("commit", "day", "images", "subject")
    for line in commits:
        commit, day, subject = line.split("\t", 2)
        then = _digests(_git("show", f"{commit}:./{file.as_posix()}"))
        is_now = "these" if then == now else ", ".join(n for n in FUNCTIONS if then.get(n) != now.get(n)) + " differ"
        table.add_row(commit, day, is_now, subject)
    console.print(table)
    say("joytify rollback COMMIT writes the images of one of them")


def _digests(text: str) -> dict[str, str]:
    """Return the digests in a file of them; none if it is no such file."""
    try:
        found = json.loads(text)["image_digests"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def _git(*words: str) -> str:
    """Return what Git answers.

    Raises:
        CommandError: it refuses; the text is its own.
    """
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode != 0:
        raise CommandError(done.stderr.strip() or "git failed")
    return done.stdout.rstrip("\n")
