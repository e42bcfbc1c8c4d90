"""Which database a command works on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from joytify_cli.secret_store import read_stored
from joytify_cli.target import Target, find_target
from joytify_cli.terminal import CommandError, UsageError
from joytify_common.mongo import mongo_errors
from joytify_common.mongo_refusals import URI_KEY

Document = dict[str, Any]

DEFAULT_DATABASE = "mern-joytify"
CONNECT_MS = 5000

Uri = Annotated[
    str | None,
    typer.Option("--uri", help="MongoDB connection string; default: MONGODB_URI, else the running local stack"),
]
Name = Annotated[str | None, typer.Option("--database", help="Database; default: that of the stack, or mern-joytify")]


@contextmanager
def open_database(
    uri: str | None, name: str | None, *, aws: bool = False, project: str = "joytify", environment: str = "prod"
) -> Iterator[Database[Document]]:
    """Yield the database asked for, else the one that the functions in AWS or in the local stack use.

    Errors of MongoDB in the block become ours.

    Raises:
        UsageError: a connection string and AWS are given both.
        CommandError: no connection string is given and no local stack is running, or the server does not answer.
        JobError: the secret or the function in AWS could not be read.
    """
    if uri is not None and aws:
        raise UsageError("--uri and --aws name two servers: give one of them")
    # Not as the option's own: what is in the environment must not take the place of --aws.
    uri = uri or (None if aws else os.environ.get("MONGODB_URI") or None)
    if uri is not None:
        found, default = SecretStr(uri), DEFAULT_DATABASE
    else:
        found, default = _of_target(find_target(aws=aws, project=project, environment=environment))
    with _connected(found) as client, mongo_errors():
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
        what = "refused the user or password" if isinstance(exc, OperationFailure) else "could not be reached"
        raise CommandError(f"MongoDB {what} ({type(exc).__name__}): see --uri and --aws") from None
    return client
