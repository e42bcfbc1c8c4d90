"""The `joytify` command: the list of its subcommands and of the modules that implement them."""

from __future__ import annotations

import logging
import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from joytify_cli.interruption import handle_interruptions
from joytify_cli.lazy import LazyCommand, LazyGroup

COMMANDS = (
    LazyCommand("doctor", "joytify_cli.operate.doctor:doctor", "Check everything, and say what to do."),
    LazyCommand("invoke", "joytify_cli.operate.invoke:invoke", "Call a function and show its answer."),
    LazyCommand("tail", "joytify_cli.operate.tail:tail", "Show a function's log, grouped by run."),
    LazyCommand("timeline", "joytify_cli.operate.timeline:timeline", "Show what happened in all functions, by time."),
    LazyCommand("queues", "joytify_cli.operate.queues:app", "Show, retry and purge failed events."),
    LazyCommand("schedule", "joytify_cli.operate.schedule:app", "Show, pause and switch the schedules."),
    LazyCommand(
        "secret", "joytify_cli.operate.secret:app", "Change or remove one key of the secret, or undo the last change."
    ),
    LazyCommand("preview", "joytify_cli.operate.post_preview:preview", "Show how a message would look in Discord."),
    LazyCommand("archive", "joytify_cli.operate.archive:app", "List and restore archived documents."),
    LazyCommand("reports", "joytify_cli.operate.reports:app", "Build or check monthly statistics from plays."),
    LazyCommand("rollback", "joytify_cli.operate.rollback:rollback", "Show earlier images, or go back to them."),
    LazyCommand("push", "joytify_cli.operate.push:push", "Push the three images and write their digests."),
    LazyCommand("capacity", "joytify_cli.capacity.command:capacity", "Forecast when the database will be full."),
    LazyCommand("scale", "joytify_cli.capacity.scale_command:scale", "Estimate cleanup's cost as the data grows."),
    LazyCommand("data", "joytify_cli.data.commands:app", "Generate, count, check and remove data."),
    LazyCommand("demo", "joytify_cli.prove.demo:demo", "Run the month end on made-up data and check the result."),
    LazyCommand("deploy-local", "joytify_cli.prove.deploy:deploy_local", "Deploy to a local AWS.", hidden=True),
    LazyCommand("destroy-local", "joytify_cli.prove.deploy:destroy_local", "Undo deploy-local.", hidden=True),
    LazyCommand("stack", "joytify_cli.prove.stack:app", "Commands for `make up` and `make down`.", hidden=True),
)


class Joytify(LazyGroup):
    """The program with its commands."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**{**attributes, "commands": list(COMMANDS)})  # type: ignore[arg-type]


def run() -> None:
    """Run the program, without log output from libraries; SIGTERM and SIGHUP end it as Ctrl-C does."""
    handle_interruptions()
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault("LOGURU_AUTOINIT", "false")
    app()


app = typer.Typer(cls=Joytify, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes the value as a positional argument
    if wanted:
        # The package may be installed inside another Git repository. That repository does not track this file, and its
        # revision is not ours.
        is_ours = _git("ls-files", Path(__file__).name)
        revision = _git("describe", "--always", "--dirty", "--abbrev=12") if is_ours else ""
        typer.echo(f"joytify {version('joytify-cli')}, revision {revision or 'unknown'}")
        raise typer.Exit


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    except FileNotFoundError:
        return ""


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit")
    ] = False,
) -> None:
    """Run and operate the Joytify pipeline."""
