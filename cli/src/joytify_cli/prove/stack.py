"""`joytify stack`: record, break, mend and stop the local stack."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer

from joytify_cli.docker import docker
from joytify_cli.option_groups import App
from joytify_cli.target import REMOVE_COMMANDS
from joytify_cli.terminal import CommandError, UsageError, console, say
from joytify_local.stack import Stack, load_deployed_stack, load_stack

Server = Literal["mongodb", "backend", "discord"]
What = Annotated[Server, typer.Argument(help="Which server")]
UNTIL_MENDED = 1_000_000
MONGODB_CONTAINER = "joytify-mongodb-1"

app = App(no_args_is_help=True)


@app.command()
def remember(
    *,
    aws: Annotated[str, typer.Option()],
    mongodb: Annotated[str, typer.Option()],
    backend: Annotated[str, typer.Option()],
    discord: Annotated[str, typer.Option()],
    database: Annotated[str, typer.Option()],
) -> None:
    """Record the addresses of the containers that `make up` started."""
    stack = Stack(way="containers", aws=aws, mongodb=mongodb, backend=backend, discord=discord, database=database)
    stack.save()
    console.print(f"AWS {aws}  MongoDB {mongodb}  Discord's page {discord}  pushes {backend}/pushed", soft_wrap=True)


@app.command("break")
def break_(what: What) -> None:
    """Make a server of the local stack fail until `mend`, to rehearse an incident.

    MongoDB is frozen, the backend answers 503, Discord answers 404 as for a deleted webhook.

    Example: joytify stack break mongodb
    """
    _change(what, is_broken=True)
    say(f"{what} is broken until `joytify stack mend {what}`")


@app.command()
def mend(what: What) -> None:
    """Undo `break`.

    Example: joytify stack mend mongodb
    """
    _change(what, is_broken=False)
    say(f"{what} works again")


def _change(what: Server, *, is_broken: bool) -> None:
    if (stack := load_stack()) is None:
        raise UsageError("no local stack was started in this folder, or it has ended")
    if what == "mongodb":
        _change_mongodb(stack, is_broken=is_broken)
        return
    address, status = (stack.backend, 503) if what == "backend" else (stack.discord, 404)
    mood = {"status": status, "times": UNTIL_MENDED} if is_broken else {}
    try:
        httpx.put(f"{address}/mood", json=mood).raise_for_status()
    except httpx.HTTPError:
        restart = f"`{REMOVE_COMMANDS[stack.way]}`, then start it again"
        raise CommandError(f"{what} does not answer; has the stack ended? {restart}") from None


def _change_mongodb(stack: Stack, *, is_broken: bool) -> None:
    if stack.way == "containers":
        docker("pause" if is_broken else "unpause", MONGODB_CONTAINER)
        return
    pids = [pid for pid in stack.pids if _runs_mongod(pid)]
    if not pids:
        restart = f"`{REMOVE_COMMANDS[stack.way]}`, then start it again without MONGODB_URI"
        raise CommandError(f"this stack runs no mongod: {restart}")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP if is_broken else signal.SIGCONT)


def _runs_mongod(pid: int) -> bool:
    try:
        return b"mongod" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False


@app.command()
def stop() -> None:
    """Stop the embedded stack; if the recorded stack runs in containers, only delete its record."""
    stack = load_stack()
    if stack is not None and stack.way != "deployed":
        stack.stop()
        in_containers = stack.way == "containers"
        console.print("removed the record of the containers" if in_containers else "stopped the embedded stack")
    else:
        console.print("no embedded or container stack is recorded")
    if load_deployed_stack() is not None:
        console.print("a deployed stack is recorded: `make destroy-local` removes it")
