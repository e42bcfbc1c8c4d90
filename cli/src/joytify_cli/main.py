"""The command `joytify`."""

from __future__ import annotations

import typer

from joytify_cli import archive, data, demo, deploy, invoke, preview, push, stack

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(data.app, name="data")
app.add_typer(archive.app, name="archive")
app.command()(demo.demo)
app.command()(invoke.invoke)
app.command()(preview.preview)
app.command()(push.push)
app.command(hidden=True)(deploy.deploy_local)
app.command(hidden=True)(deploy.destroy_local)
app.add_typer(stack.app, name="stack", hidden=True)


@app.callback()
def main() -> None:
    """Run and look after the Joytify pipeline."""
