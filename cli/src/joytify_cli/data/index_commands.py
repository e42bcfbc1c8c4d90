"""`joytify data indexes`: list, create and drop the backend's indexes and others."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table

from joytify_cli.data.guard import Confirm, Production, chosen_collections
from joytify_cli.data.indexes import BACKEND, create, existing, find_index, missing
from joytify_cli.database import Server
from joytify_cli.option_groups import App
from joytify_cli.target import Where
from joytify_cli.terminal import UsageError, console, say
from joytify_common.collections import collection_names

app = App(help="List, create and drop indexes.", no_args_is_help=True)

Field = Annotated[str, typer.Argument(metavar="COLLECTION.FIELD", help="For instance playbacks.createdAt")]

OptionalField = Annotated[
    str, typer.Argument(metavar="[COLLECTION.FIELD]", help="Default: every index that the backend declares")
]


@app.command("list")
def list_(
    *,
    server: Server,
    production: Production = False,
    where: Where,
) -> None:
    """Show the indexes of the pipeline's collections, and which of the backend's are missing.

    Example: joytify data indexes list --production
    """
    with server.open(where) as target:
        names = collection_names(test_mode=not production)
        table = Table(
            Column("collection", no_wrap=True),
            Column("index", no_wrap=True),
            "fields",
            Column("options", overflow="fold"),
            title=f"{target.name}, {'production' if production else 'test'} collections",
            title_justify="left",
        )
        for collection, name, specification in existing(target, names):
            fields = ", ".join(f"{field} {order}" for field, order in specification.pop("key"))
            options = {key: value for key, value in specification.items() if key not in {"v", "ns"}}
            table.add_row(collection, name, fields, ", ".join(f"{key}={value}" for key, value in options.items()))
        lacking = missing(target, names)
        console.print(table)
        for index in lacking:
            say(f"missing on {getattr(names, index.kind)}: {index.field}: {index.reason}")


@app.command("create")
def create_(
    field: OptionalField = "",
    *,
    server: Server,
    production: Production = False,
    confirm: Confirm = "",
    where: Where,
) -> None:
    """Create an index, or every index that the backend declares.

    Example: joytify data indexes create playbacks.createdAt
    """
    wanted = [find_index(field)] if field else BACKEND
    with server.open(where) as target:
        names = chosen_collections(target, "create indexes on", production=production, confirm=confirm)
        for index in wanted:
            say(f"{getattr(names, index.kind)}.{index.field}: {create(target, names, index)}")


@app.command()
def drop(
    field: Field,
    *,
    server: Server,
    production: Production = False,
    confirm: Confirm = "",
    where: Where,
) -> None:
    """Drop every index whose only key is this field.

    Example: joytify data indexes drop playbacks.createdAt
    """
    index = find_index(field)
    with server.open(where) as target:
        names = chosen_collections(
            target, f"drop every index whose only key is {index} from", production=production, confirm=confirm
        )
        collection = getattr(names, index.kind)
        found = [
            name
            for owner, name, specification in existing(target, names)
            if owner == collection and [key for key, _ in specification["key"]] == [index.field]
        ]
        for name in found:
            target[collection].drop_index(name)
            say(f"{collection}.{index.field}: {name} dropped")
        if not found:
            raise UsageError(
                f"there is no index on {collection}.{index.field} alone; with the options that select this "
                "database, `joytify data indexes list` shows all"
            )
