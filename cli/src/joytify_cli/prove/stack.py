"""`joytify stack`: what `make up` and `make down` need to know of a stack."""

from __future__ import annotations

from typing import Annotated

import typer

from joytify_cli.terminal import console
from joytify_local.stack import Stack, load_deployed_stack, load_stack

app = typer.Typer(no_args_is_help=True, add_completion=False)


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
    console.print(f"AWS {aws}  MongoDB {mongodb}  Discord's page {discord}  pushed {backend}/pushed", soft_wrap=True)


@app.command()
def stop() -> None:
    """Stop the processes of the stack that was left up; containers are only forgotten."""
    stack = load_stack()
    if stack is not None and stack.way != "deployed":
        stack.stop()
        console.print(f"stopped the {stack.way} stack")
    else:
        console.print("no local stack is up")
    if load_deployed_stack() is not None:
        console.print("the deployed stack is up: `make destroy-local` removes it")
