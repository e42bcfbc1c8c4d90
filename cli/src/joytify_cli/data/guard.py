"""Chooses the collections that a command changes.

For the production collections, the user must give the database's name.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pymongo.database import Database

from joytify_cli.terminal import CommandError, UsageError, can_ask
from joytify_common.collections import CollectionNames, collection_names

Production = Annotated[bool, typer.Option("--production", help="Work on the production collections, not the test ones")]
Confirm = Annotated[
    str,
    typer.Option(
        metavar="DATABASE", help="With --production: the database's name; without --confirm, the command asks for it"
    ),
]


def chosen_collections(
    target: Database[dict[str, Any]], what: str, *, production: bool, confirm: str
) -> CollectionNames:
    """Return the test collections, or production's if the database's name is confirmed.

    Args:
        target: the database.
        what: action for the question, such as `remove EVERYTHING from`.
        production: whether to return the production collections.
        confirm: the database's name, if it was given as an option; empty to ask for it.

    Raises:
        UsageError: the given name is wrong, or it is missing and standard input is not a terminal.
        CommandError: the typed name is wrong.
    """
    if production:
        warning = f"this would {what} the PRODUCTION collections of {target.name}"
        if not confirm and can_ask():
            if typer.prompt(f"{warning}. Type the database's name to continue") != target.name:
                raise CommandError("that is not the database's name; nothing was changed")
        elif confirm != target.name:
            raise UsageError(f"{warning}: use --confirm {target.name}")
    return collection_names(test_mode=not production)
