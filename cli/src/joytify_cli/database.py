"""Connects a command to the database that its options select."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from pydantic import SecretStr
from pymongo.database import Database

from joytify_cli.secret_store import read_stored
from joytify_cli.target import Target, Where
from joytify_cli.terminal import CommandError, UsageError
from joytify_common.errors import JobError
from joytify_common.mongo import Document, connect, mongo_client, mongo_errors
from joytify_common.mongo_errors import URI_KEY

DEFAULT_DATABASE = "mern-joytify"
HERE = Where()


@dataclass(frozen=True, kw_only=True)
class Server:
    """The options that select a database."""

    uri: Annotated[
        str | None,
        typer.Option(
            "--uri",
            help="MongoDB connection string; default: MONGODB_URI, else the running local stack; with --aws, if "
            "the command has it: the functions' server in AWS",
        ),
    ] = None
    database: Annotated[
        str | None,
        typer.Option(
            "--database", help="Database; default: the functions' database, or mern-joytify if a URI is given"
        ),
    ] = None

    @contextmanager
    def open(self, where: Where = HERE) -> Iterator[Database[Document]]:
        """Yield the named database.

        By default the database that the functions use, or mern-joytify if a connection string is given.

        Without a connection string, the command connects to the functions' server, in AWS or in the
        local stack. MongoDB errors raised in the block are translated to JobError, or to CommandError if a
        connection string is given.

        Raises:
            UsageError: an option is empty or malformed, both --uri and --aws are given, or no server is selected and
                no local stack is running.
            JobError: the secret or the function in AWS could not be read, or MongoDB does not answer.
            CommandError: MongoDB does not answer at the given connection string.
        """
        for option, given in (("--uri", self.uri), ("--database", self.database)):
            # For instance an unset variable of a shell.
            if given == "":
                raise UsageError(f"{option} is empty")
        if self.uri is not None and where.aws:
            raise UsageError("--uri and --aws name two servers: give only one of them")
        # Read MONGODB_URI here, not in the option, since it must not take precedence over --aws.
        uri = self.uri or (None if where.aws else os.environ.get("MONGODB_URI") or None)
        if uri is not None and not uri.startswith(("mongodb://", "mongodb+srv://")):
            raise UsageError("--uri (MONGODB_URI) must begin with mongodb:// or mongodb+srv://")
        if uri is not None:
            found, default = SecretStr(uri), DEFAULT_DATABASE
        else:
            found, default = _of_target(where.target())
        try:
            with mongo_client(found.get_secret_value()), mongo_errors():
                yield connect(found, self.database or default)
        except JobError as exc:
            if uri is None:
                raise
            raise CommandError(str(exc).replace(URI_KEY, "--uri (MONGODB_URI)")) from None
        finally:
            # A closed client cannot be used again.
            mongo_client.cache_clear()


def _of_target(target: Target) -> tuple[SecretStr, str]:
    """Return the connection string and the database that the functions use."""
    if target.stack is not None:
        return SecretStr(target.stack.mongodb), target.stack.database
    uri = str(read_stored(target).values.get(URI_KEY, ""))
    return SecretStr(uri), target.function_settings("cleanup").get("DB_NAME", DEFAULT_DATABASE)
