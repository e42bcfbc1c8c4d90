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
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

# Lambda and SNS redeliver for hours; an alarm may last for weeks.
KEEP_SECONDS = 60 * 24 * 3600
MOST_ENTRIES = 10_000
# A memory that hangs must not cost the message: it is asked once, shortly, and then left alone for a while.
TABLE_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
SILENCE_SECONDS = 60.0


class Memory(Protocol):
    """Texts by key, for a while."""

    def recall(self, key: str) -> dict[str, str] | None:
        """Return what was kept under the key, None where nothing is."""

    def keep(self, key: str, value: Mapping[str, str]) -> None:
        """Keep the value under the key."""


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


@dataclass
class TableMemory:
    """Remembers in a DynamoDB table with the key `id` and the time to live `expiresAt`."""

    client: Any
    table: str
    _silent_until: float = 0.0

    def recall(self, key: str) -> dict[str, str] | None:
        """Return what was kept under the key, None where nothing is or the table cannot be asked."""
        item = self._call("get_item", Key={"id": {"S": key}}, ConsistentRead=True).get("Item")
        return {name: value["S"] for name, value in item.items() if "S" in value} if item else None

    def keep(self, key: str, value: Mapping[str, str]) -> None:
        """Keep the value under the key."""
        expires = {"N": str(int(time.time()) + KEEP_SECONDS)}
        item = {"id": {"S": key}, "expiresAt": expires, **{name: {"S": text} for name, text in value.items()}}
        self._call("put_item", Item=item)

    def _call(self, call: str, **request: object) -> dict[str, Any]:
        if time.monotonic() < self._silent_until:
            return {}
        try:
            answer: dict[str, Any] = getattr(self.client, call)(TableName=self.table, **request)
        except (ClientError, BotoCoreError) as exc:
            logger.warning("memory cannot be asked", table=self.table, call=call, error=type(exc).__name__)
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            return {}
        return answer


@cache
def open_memory(table: str) -> Memory:
    """Return the container's one memory: in the table, or in itself where no table is named."""
    return TableMemory(boto3.client("dynamodb", config=TABLE_CONFIG), table) if table else ContainerMemory()
