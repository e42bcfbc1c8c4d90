"""The `joytify` command: the list of its subcommands and of the modules that implement them."""

from __future__ import annotations

import logging
import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from joytify_cli.interruption import end_interruptions, handle_interruptions
from joytify_cli.lazy import LazyCommand
from joytify_cli.terminal import INTERRUPTED, CommandError, UsageError, fail, safe
from joytify_common.errors import JobError

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


class Joytify(TyperGroup):
    """The program with its commands; an error that a user can act on is printed without a traceback."""

    def __init__(self, **attributes: object) -> None:
        super().__init__(**{**attributes, "commands": list(COMMANDS)})  # type: ignore[arg-type]

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer bundles a copy of click, whose classes are private
        """Run the command; exit with 2 after wrong usage, 1 after another known error, 130 after Ctrl-C."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as exc:
            # The message may quote files or responses, and typer prints it without escaping.
            exc.message = safe(exc.message).removeprefix("Value error, ").replace("'%Y-%m-%d'", "YYYY-MM-DD")
            raise
        except (CommandError, JobError) as exc:
            fail(str(exc), 2 if isinstance(exc, UsageError) else 1)
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except typer.Abort as exc:
            # Both Ctrl-C at a prompt and the answer "no" raise this error.
            if isinstance(exc.__context__, KeyboardInterrupt):
                fail("interrupted", INTERRUPTED)
            raise


def run() -> None:
    """Run the program, without log output from libraries; SIGTERM and SIGHUP end it as Ctrl-C does."""
    handle_interruptions()
    logging.getLogger().addHandler(logging.NullHandler())
    os.environ.setdefault("LOGURU_AUTOINIT", "false")
    try:
        app()
    finally:
        end_interruptions()


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
