"""Which collections a command changes; for production somebody types the database's name."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pymongo.database import Database

from joytify_cli.terminal import CommandError, UsageError, can_ask
from joytify_common.collections import CollectionNames, collection_names

Production = Annotated[bool, typer.Option("--production", help="Work on the production collections, not the test ones")]
Confirm = Annotated[
    str, typer.Option(metavar="DATABASE", help="With --production, the database's name instead of typing it when asked")
]


def chosen_collections(
    target: Database[dict[str, Any]], what: str, *, production: bool, confirm: str
) -> CollectionNames:
    """Return the test collections, or those of production once their database's name has been given.

    Args:
        target: the database.
        what: what will be done to them.
        production: whether they are production's.
        confirm: the name, if it was given beforehand.

    Raises:
        UsageError: it was given wrongly, or nobody is there to ask.
        CommandError: it was typed wrongly.
    """
    if production:
        _check_name(target.name, f"this would {what} the PRODUCTION collections of {target.name}", confirm)
    return collection_names(test_mode=not production)


def _check_name(name: str, warning: str, confirm: str) -> None:
    if not confirm and can_ask():
        if typer.prompt(f"{warning}. Type the database's name to go on") != name:
            raise CommandError("that is not its name; nothing was changed")
    elif confirm != name:
        raise UsageError(f"{warning}: say --confirm {name}")
