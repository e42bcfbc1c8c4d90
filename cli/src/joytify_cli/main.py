"""The command `joytify`: which commands there are, and where each is."""

from __future__ import annotations

import logging
import os
from typing import Annotated

import typer

from joytify_cli.lazy import LazyCommand, LazyGroup

COMMANDS = (
    LazyCommand("doctor", "joytify_cli.operate.doctor:doctor", "Check everything, and say what to do."),
    LazyCommand("invoke", "joytify_cli.operate.invoke:invoke", "Call a function and show its answer."),
    LazyCommand("tail", "joytify_cli.operate.tail:tail", "Show what a function logged, one run a block."),
    LazyCommand("timeline", "joytify_cli.operate.timeline:timeline", "Show what happened, in order of time."),
    LazyCommand("queues", "joytify_cli.operate.queues:app", "Show, retry and purge failed events."),
    LazyCommand("schedule", "joytify_cli.operate.schedule:app", "Show, pause and switch the schedules."),
    LazyCommand("secret", "joytify_cli.operate.secret:app", "Change one key of the secret, or go back."),
    LazyCommand("preview", "joytify_cli.operate.preview:preview", "Show what Discord would get for a message."),
    LazyCommand("archive", "joytify_cli.operate.archive:app", "List and restore what cleanup archived."),
    LazyCommand("reports", "joytify_cli.operate.reports:app", "Build monthly statistics from plays, or compare."),
    LazyCommand("rollback", "joytify_cli.operate.rollback:rollback", "Show earlier images, or go back to some."),
    LazyCommand("push", "joytify_cli.operate.push:push", "Push the three images and write their digests."),
    LazyCommand("capacity", "joytify_cli.capacity.command:capacity", "When will the database be full?"),
    LazyCommand("scale", "joytify_cli.capacity.scale_command:scale", "What does cleanup cost as the data grows?"),
    LazyCommand("data", "joytify_cli.data.commands:app", "Make, count, check and remove data."),
    LazyCommand("demo", "joytify_cli.prove.demo:demo", "Run the month end on made-up data and check it."),
    LazyCommand("deploy-local", "joytify_cli.prove.deploy:deploy_local", "Deploy to a local AWS.", hidden=True),
    LazyCommand("destroy-local", "joytify_cli.prove.deploy:destroy_local", "Destroy that again.", hidden=True),
    LazyCommand("stack", "joytify_cli.prove.stack:app", "What `make up` and `make down` need.", hidden=True),
)


class Joytify(LazyGroup):
    """The program with its commands."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**{**attributes, "commands": list(COMMANDS)})  # type: ignore[arg-type]


def run() -> None:
    """Run the program; what libraries would log about their own affairs is left out of what it prints."""
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault("LOGURU_AUTOINIT", "false")
    app()


app = typer.Typer(cls=Joytify, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from joytify_cli.version import version  # noqa: PLC0415 - import where used

        typer.echo(version())
        raise typer.Exit


@app.callback()
def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit")
    ] = False,
) -> None:
    """Run and look after the Joytify pipeline."""
