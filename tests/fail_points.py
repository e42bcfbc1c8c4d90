"""Makes commands on the tests' MongoDB fail, by MongoDB's own fail points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient


@contextmanager
def failing(client: MongoClient[dict[str, Any]], mode: object, data: dict[str, Any]) -> Iterator[None]:
    """Have the server fail the commands that `data` names while the block runs."""
    client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)
    try:
        yield
    finally:
        client.admin.command("configureFailPoint", "failCommand", mode="off")
