"""Which database a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from joytify_local.stack import load_stack

if TYPE_CHECKING:
    from pymongo.database import Database

Document = dict[str, Any]

DEFAULT_DATABASE = "mern-joytify"


def open_database(uri: str | None, name: str | None) -> Database[Document]:
    """Return the database asked for, else that of the running local stack.

    Raises:
        typer.BadParameter: no connection string is given and no local stack is running, or the server is not there.
    """
    stack = load_stack()
    if uri is None and stack is None:
        raise typer.BadParameter(
            "no local stack is running: start one with `KEEP=1 make demo` or `make up`, or name a server with --uri"
        )
    found = uri or (stack.mongodb if stack else "")
    client: MongoClient[Document] = MongoClient(found, tz_aware=True, serverSelectionTimeoutMS=5000)
    try:
        client.admin.command("ping")
    except PyMongoError as exc:
        raise typer.BadParameter(f"MongoDB could not be reached ({type(exc).__name__})", param_hint="--uri") from None
    return client[name or (stack.database if stack and uri is None else DEFAULT_DATABASE)]
