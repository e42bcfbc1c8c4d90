"""`joytify doctor`: check everything, and say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from joytify_cli.operate.checks import database, functions, images, machine, monitoring, secret, services
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.findings import Finding
from joytify_cli.operate.push import digests_file
from joytify_cli.target import Where
from joytify_cli.terminal import console, echo_json, say

# The functions test themselves after the checks that explain most of their errors.
CHECKS = (
    *machine.CHECKS,
    *secret.CHECKS,
    *database.CHECKS,
    *services.CHECKS,
    *images.CHECKS,
    *functions.CHECKS,
    *monitoring.CHECKS,
)
STYLES = {"ok": "green", "note": "yellow", "none": "dim", "wrong": "bold red", "unknown": "yellow"}


def doctor(
    *,
    post: Annotated[bool, typer.Option("--post", help="Also post a message to Discord")] = False,
    digests: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File with the image digests that should run; default: the environment's file",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as a JSON list")] = False,
    where: Where,
) -> None:
    """Check everything and say what to do; exit 1 if something is wrong or could not be checked.

    Example: joytify doctor --aws --environment prod
    """
    target = where.target(may_be_down=True)
    # `make deploy-local` writes the digests of a local stack to the first folder; `make push` writes all other digests
    # to the second.
    folder = Path("build/deploy-local/terraform" if target.stack else "terraform")
    context = Context(target, digests or digests_file(target.names.environment, folder), post=post)
    found = []
    for finding in examine(context):
        found.append(finding)
        if not as_json:
            console.print(draw(finding), soft_wrap=True)
    wrong, unknown = (sum(finding.status == status for finding in found) for status in ("wrong", "unknown"))
    if as_json:
        echo_json([asdict(finding) for finding in found])
    else:
        say(*conclusion(wrong, unknown))
    if wrong or unknown:
        raise typer.Exit(1)


def conclusion(wrong: int, unknown: int) -> tuple[str, str]:
    """Return the last line and its style."""
    if not wrong and not unknown:
        return "all is well", "bold green"
    parts = (f"{wrong} wrong" if wrong else "", f"{unknown} not checked" if unknown else "")
    return ", ".join(part for part in parts if part), "bold red"


def examine(context: Context) -> Iterator[Finding]:
    """Yield the findings of every check."""
    with context.at_the_end:
        for check in CHECKS:
            for finding in check.findings(context):
                context.is_something_wrong = context.is_something_wrong or finding.status == "wrong"
                yield finding


def draw(finding: Finding) -> Text:
    """Return a finding as one line."""
    action = f" → {finding.action}" if finding.action else ""
    return Text.assemble(
        (f"{finding.status:<8}", STYLES[finding.status]),
        (f"{finding.check:<18}", "bold"),
        finding.says,
        (action, "cyan"),
    )
