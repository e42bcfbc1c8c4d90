"""Which database a command works on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from joytify_cli.secret_store import read_stored
from joytify_cli.target import Target, find_target
from joytify_cli.terminal import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.database import Database

Document = dict[str, Any]

DEFAULT_DATABASE = "mern-joytify"
URI_KEY = "MONGODB_CONNECTION_STRING"
CONNECT_MS = 5000

Uri = Annotated[
    str | None,
    typer.Option("--uri", envvar="MONGODB_URI", help="MongoDB connection string; default: the running local stack"),
]
Name = Annotated[str | None, typer.Option("--database", help="Database; default: that of the stack, or mern-joytify")]


@contextmanager
def open_database(uri: str | None, name: str | None, *, aws: bool = False) -> Iterator[Database[Document]]:
    """Yield the database asked for, else the one that the functions in AWS or in the local stack use.

    Raises:
        CommandError: no connection string is given and no local stack is running, or the server does not answer.
        JobError: the secret or the function in AWS could not be read.
    """
    found, default = (SecretStr(uri), DEFAULT_DATABASE) if uri is not None else _of_target(find_target(aws=aws))
    with _connected(found) as client:
        yield client[name or default]


def _of_target(target: Target) -> tuple[SecretStr, str]:
    """Return the connection string and the database that the functions use."""
    if target.stack is not None:
        return SecretStr(target.stack.mongodb), target.stack.database
    uri = str(read_stored(target).values.get(URI_KEY, ""))
    return SecretStr(uri), target.function_settings("cleanup").get("DB_NAME", DEFAULT_DATABASE)


def _connected(uri: SecretStr) -> MongoClient[Document]:
    try:
        client: MongoClient[Document] = MongoClient(
            uri.get_secret_value(), tz_aware=True, serverSelectionTimeoutMS=CONNECT_MS
        )
    except (PyMongoError, ValueError) as exc:
        # The driver quotes the connection string.
        raise CommandError(f"MongoDB: the connection string cannot be used ({type(exc).__name__})") from None
    try:
        client.admin.command("ping")
    except PyMongoError as exc:
        client.close()
        raise CommandError(f"MongoDB could not be reached ({type(exc).__name__}): see --uri and --aws") from None
    return client
