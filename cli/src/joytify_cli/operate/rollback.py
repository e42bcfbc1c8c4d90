"""`joytify rollback`: show earlier images, or go back to the images of a commit."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from joytify_cli.operate.push import digests_file, digests_in
from joytify_cli.target import FUNCTIONS, EnvironmentName
from joytify_cli.terminal import CommandError, UsageError, console, say

SHOWN = 10


def rollback(
    commit: Annotated[str, typer.Argument(help="Commit to go back to; default: only show earlier images")] = "",
    *,
    environment: Annotated[EnvironmentName, typer.Option(help="Environment of the images")] = "prod",
    folder: Annotated[Path, typer.Option(help="Folder of images.ENVIRONMENT.tfvars.json")] = Path("terraform"),
) -> None:
    """Show the images of an environment in Git's history, or write those of a commit for Terraform.

    Nothing is applied: the last lines of the output are the commands to run next.

    Example: joytify rollback 0123abcd
    """
    file = digests_file(environment, folder)
    now = digests_in(file.read_text(encoding="utf-8")) if file.exists() else {}
    if not commit:
        _show(file, now, environment)
        return
    # Resolve the name now: after the next commit, a name such as HEAD~1 means another commit.
    commit = _git("rev-parse", "--short", f"{commit}^{{commit}}", otherwise=f"there is no commit {commit}")
    text = _git("show", f"{commit}:./{file.as_posix()}", otherwise=f"commit {commit} has no {file}")
    then = digests_in(text)
    if missing := [name for name in FUNCTIONS if not then.get(name)]:
        raise CommandError(f"{file} at {commit} has no image for {', '.join(missing)}; nothing was written")
    if then == now:
        say(f"{file} already has the images of {commit}")
        return
    for name in FUNCTIONS:
        if then.get(name) != now.get(name):
            say(f"{name:<8} {now.get(name, 'none')}\n      -> {then.get(name, 'none')}")
    file.write_text(text + "\n", encoding="utf-8")
    say(f"{file} has the images of {commit}; Terraform's other files are unchanged. Next:")
    variables = f"-var-file={environment}.tfvars -var-file={file.name}"
    say(f"  terraform -chdir={folder} apply {variables}")
    say(f"  git commit -m 'Roll back {environment} to the images of {commit}' {file}")


def _show(file: Path, now: Mapping[str, str], environment: str) -> None:
    commits = _git("log", f"-{SHOWN}", "--format=%h%x09%as%x09%s", "--", file.as_posix()).splitlines()
    if not commits:
        raise UsageError(
            f"Git's history of this folder has no {file}: `make push ENVIRONMENT={environment}` in the root of the "
            "repository writes it, then commit it"
        )
    table = Table("commit", "day", "images", "subject")
    for line in commits:
        commit, day, subject = line.split("\t", 2)
        then = digests_in(_git("show", f"{commit}:./{file.as_posix()}"))
        difference = (
            "the current ones"
            if then == now
            else ", ".join(n for n in FUNCTIONS if then.get(n) != now.get(n)) + " differ"
        )
        table.add_row(commit, day, difference, subject)
    console.print(table)
    say("joytify rollback COMMIT goes back to the images of that commit")


def _git(*words: str, otherwise: str = "") -> str:
    """Run Git and return its output.

    Raises:
        CommandError: Git failed; the text is `otherwise`, by default Git's own.
    """
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode != 0:
        refusal = done.stderr.strip().removeprefix("fatal: ") or "git failed"
        is_outside = "not a git repository" in refusal
        raise CommandError("this folder is not in a Git repository" if is_outside else otherwise or refusal)
    return done.stdout.rstrip("\n")
