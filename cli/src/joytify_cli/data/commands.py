"""`joytify data`: make, count, check and remove data in the pipeline's collections."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from joytify_cli.data.generate import fill
from joytify_cli.data.population import Population
from joytify_cli.data.verify import faults
from joytify_cli.database import Name, Uri, open_database
from joytify_cli.progress import progress_bar
from joytify_cli.terminal import console
from joytify_common.collections import CollectionNames, collection_names
from joytify_stats.period import resolve_period

app = typer.Typer(help="Make, count, check and remove data.", no_args_is_help=True)

Production = Annotated[bool, typer.Option("--production", help="Work on the production collections, not the test ones")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before production collections are changed")]


@app.command()
def generate(
    users: Annotated[int, typer.Argument(min=1, metavar="N", help="How many users")],
    *,
    playbacks_per_user: Annotated[int, typer.Option(min=0, help="Playbacks of each user")] = 500,
    shuffle: Annotated[
        bool, typer.Option("--shuffle", help="Scatter the playbacks instead of in order of time")
    ] = False,
    uri: Uri = None,
    database: Name = None,
    production: Production = False,
    yes: Yes = False,
) -> None:
    """Add N users with playbacks over the last 90 days (a third of them expired), statistics and sessions."""
    target = open_database(uri, database)
    names = _names(production=production, yes=yes, what=f"Add {users:,} made-up users to", database=target.name)
    now = datetime.now(UTC)
    population = Population(
        users=users,
        playbacks_per_user=playbacks_per_user,
        now=now,
        notification=resolve_period(None, now).notification_id(test_mode=not production),
        shuffle=shuffle,
    )
    with progress_bar() as progress:
        fill(target, names, population, progress)
    expired = population.expired_playbacks()
    console.print(
        f"{population.playbacks:,} playbacks, {expired:,} of them expired, in {target.name}.{names.playbacks}"
    )


@app.command()
def stats(*, uri: Uri = None, database: Name = None) -> None:
    """Count the documents of every collection, production and test."""
    target = open_database(uri, database)
    table = Table("collection", "documents", title=target.name)
    for test_mode in (False, True):
        for name in astuple(collection_names(test_mode=test_mode)):
            table.add_row(name, f"{target[name].count_documents({}):,}")
    console.print(table)


@app.command()
def verify(*, uri: Uri = None, database: Name = None, production: Production = False) -> None:
    """Check what must always hold; exit 1 and say what is broken where it does not."""
    names = collection_names(test_mode=not production)
    target = open_database(uri, database)
    notifications = target[names.notifications].count_documents({"type": "monthlyStatistic"})
    looked_at = f"{notifications:,} monthly notifications in {target.name}.{names.notifications}"
    found = list(faults(target, names))
    for fault in found:
        console.print(f"[red]broken[/red] {fault}")
    if found:
        raise typer.Exit(1)
    console.print(f"every rule holds for {looked_at}" if notifications else f"nothing to check: {looked_at}")


@app.command()
def clear(*, uri: Uri = None, database: Name = None, production: Production = False, yes: Yes = False) -> None:
    """Remove every document from the test collections, or with --production from the others."""
    target = open_database(uri, database)
    names = _names(production=production, yes=yes, what="Remove EVERYTHING from", database=target.name)
    for name in astuple(names):
        console.print(f"{name}: {target[name].delete_many({}).deleted_count:,} removed")


def _names(*, production: bool, yes: bool, what: str, database: str) -> CollectionNames:
    if production and not yes:
        typer.confirm(f"{what} the PRODUCTION collections of {database}?", abort=True)
    return collection_names(test_mode=not production)
