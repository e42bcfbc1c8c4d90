"""Gateway: what was posted, so that a redelivered message is not posted again and an incident keeps one post.

It lives in a DynamoDB table: alarms last longer than a container, and the table costs nothing while nothing happens.
Losing it costs a second post and no more, so a table that cannot be asked is only logged.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from loguru import logger

from joytify_common.secrets import AWS_CONFIG

if TYPE_CHECKING:
    from collections.abc import Mapping

# Lambda and SNS redeliver for hours; an alarm may last for weeks.
KEEP_SECONDS = 60 * 24 * 3600
MOST_ENTRIES = 10_000


class Memory(Protocol):
    """Texts by key, for a while."""

    def recall(self, key: str) -> dict[str, str] | None:
        """Return what was kept under the key, None where nothing is."""

    def keep(self, key: str, value: Mapping[str, str]) -> None:
        """Keep the value under the key."""

    def forget(self, key: str) -> None:
        """Keep nothing under the key."""


@dataclass
class ContainerMemory:
    """Remembers as long as the container lives."""

    entries: OrderedDict[str, dict[str, str]] = field(default_factory=OrderedDict)

    def recall(self, key: str) -> dict[str, str] | None:
        """Return what was kept under the key, None where nothing is."""
        return self.entries.get(key)

    def keep(self, key: str, value: Mapping[str, str]) -> None:
        """Keep the value under the key; the oldest goes where there are too many."""
        self.entries[key] = dict(value)
        while len(self.entries) > MOST_ENTRIES:
            self.entries.popitem(last=False)

    def forget(self, key: str) -> None:
        """Keep nothing under the key."""
        self.entries.pop(key, None)


@dataclass(frozen=True)
class TableMemory:
    """Remembers in a DynamoDB table with the key `id` and the time to live `expiresAt`."""

    client: Any
    table: str

    def recall(self, key: str) -> dict[str, str] | None:
        """Return what was kept under the key, None where nothing is or the table cannot be asked."""
        try:
            item = self.client.get_item(TableName=self.table, Key={"id": {"S": key}}).get("Item")
        except (ClientError, BotoCoreError) as exc:
            logger.warning("memory cannot be read", table=self.table, error=type(exc).__name__)
            return None
        return {name: value["S"] for name, value in item.items() if "S" in value} if item else None

    def keep(self, key: str, value: Mapping[str, str]) -> None:
        """Keep the value under the key."""
        expires = {"N": str(int(time.time()) + KEEP_SECONDS)}
        item = {"id": {"S": key}, "expiresAt": expires, **{name: {"S": text} for name, text in value.items()}}
        self._write("put_item", Item=item)

    def forget(self, key: str) -> None:
        """Keep nothing under the key."""
        self._write("delete_item", Key={"id": {"S": key}})

    def _write(self, call: str, **request: object) -> None:
        try:
            getattr(self.client, call)(TableName=self.table, **request)
        except (ClientError, BotoCoreError) as exc:
            logger.warning("memory cannot be written", table=self.table, error=type(exc).__name__)


@cache
def open_memory(table: str) -> Memory:
    """Return the container's one memory: in the table, or in itself where no table is named."""
    return TableMemory(boto3.client("dynamodb", config=AWS_CONFIG), table) if table else ContainerMemory()
