"""Which database a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from joytify_cli.secret_store import read_stored
from joytify_cli.target import find_target
from joytify_cli.terminal import CommandError

if TYPE_CHECKING:
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


def open_database(
    uri: str | None, name: str | None, *, aws: bool = False, project: str = "joytify", environment: str = "prod"
) -> Database[Document]:
    """Return the database asked for, else the one that the functions in AWS or in the local stack use.

    Raises:
        CommandError: no connection string is given and no local stack is running, or the server does not answer.
        JobError: the secret or the function in AWS could not be read.
    """
    if uri is not None:
        return _connected(SecretStr(uri), name or DEFAULT_DATABASE)
    target = find_target(aws=aws, project=project, environment=environment)
    if target.stack is not None:
        return _connected(SecretStr(target.stack.mongodb), name or target.stack.database)
    found = read_stored(target).values.get(URI_KEY, "")
    return _connected(
        SecretStr(str(found)), name or target.function_settings("cleanup").get("DB_NAME", DEFAULT_DATABASE)
    )


def _connected(uri: SecretStr, name: str) -> Database[Document]:
    try:
        client: MongoClient[Document] = MongoClient(
            uri.get_secret_value(), tz_aware=True, serverSelectionTimeoutMS=CONNECT_MS
        )
        client.admin.command("ping")
    except (PyMongoError, ValueError) as exc:
        # The driver quotes the connection string.
        raise CommandError(f"MongoDB could not be reached ({type(exc).__name__}): see --uri and --aws") from None
    return client[name]
