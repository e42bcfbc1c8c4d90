"""Gateway: what was posted, so that a redelivered message is not posted again and an incident keeps one post.

It lives in a DynamoDB table: alarms last longer than a container, and the table costs nothing while nothing happens.
Losing it costs a second post and no more, so an unavailable table is only logged.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Protocol, TypeVar

from botocore.exceptions import ClientError
from loguru import logger

from joytify_common.aws import aws_client, aws_errors
from joytify_common.errors import JobError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# Lambda and SNS redeliver for hours; an alarm may last for weeks.
KEEP_SECONDS = 60 * 24 * 3600
MOST_ENTRIES = 10_000
# A store that hangs must not cost the message: after a failure it is left alone for a while.
SILENCE_SECONDS = 60.0

T = TypeVar("T")


class DedupStore(Protocol):
    """Texts by key, for a while."""

    def get(self, key: str) -> dict[str, str] | None:
        """Return what is stored under the key, or None."""

    def put(self, key: str, value: Mapping[str, str]) -> None:
        """Store the value under the key."""

    def claim(self, key: str, seconds: float) -> bool:
        """Reserve the key for whoever calls; return whether nothing is stored under it, and nobody else has it.

        Args:
            key: the key.
            seconds: when the claim ends, so that whoever dies with it keeps it from nobody for long.
        """

    def release(self, key: str) -> None:
        """Give a claim back."""


@dataclass
class ContainerStore:
    """Stores as long as the container lives."""

    entries: OrderedDict[str, dict[str, str]] = field(default_factory=OrderedDict)

    def get(self, key: str) -> dict[str, str] | None:
        """Return what is stored under the key, or None."""
        return self.entries.get(key)

    def put(self, key: str, value: Mapping[str, str]) -> None:
        """Store the value under the key; the oldest goes if there are too many."""
        self.entries[key] = dict(value)
        while len(self.entries) > MOST_ENTRIES:
            self.entries.popitem(last=False)

    def claim(self, key: str, seconds: float) -> bool:
        """Reserve the key until it is released: a container does one thing at a time, and its end ends its claims."""
        del seconds
        if key in self.entries:
            return False
        self.put(key, {})
        return True

    def release(self, key: str) -> None:
        """Give a claim back."""
        self.entries.pop(key, None)


@dataclass
class TableStore:
    """Stores in a DynamoDB table with the key `id` and the time to live `expiresAt`."""

    client: DynamoDBClient
    table: str
    _silent_until: float = field(default=0.0, init=False)

    def get(self, key: str) -> dict[str, str] | None:
        """Return what is stored under the key; None if nothing is, or the table is unavailable."""
        answer = self._try(
            lambda: self.client.get_item(TableName=self.table, Key={"id": {"S": key}}, ConsistentRead=True)
        )
        item = answer.get("Item") if answer else None
        return {name: value["S"] for name, value in item.items() if "S" in value} if item else None

    def put(self, key: str, value: Mapping[str, str]) -> None:
        """Store the value under the key, if the table is available."""
        item: dict[str, AttributeValueTypeDef] = {name: {"S": text} for name, text in {"id": key, **value}.items()}
        item["expiresAt"] = {"N": str(int(time.time()) + KEEP_SECONDS)}
        self._try(lambda: self.client.put_item(TableName=self.table, Item=item))

    def claim(self, key: str, seconds: float) -> bool:
        """Reserve the key by a conditional write; True also if the table is unavailable, since two posts beat none."""
        now = time.time()
        free = "attribute_not_exists(id) OR claimedUntil < :now"

        def put() -> bool:
            try:
                self.client.put_item(
                    TableName=self.table,
                    Item=_claimed(key, now + seconds),
                    ConditionExpression=free,
                    ExpressionAttributeValues={":now": {"N": str(int(now))}},
                )
            except ClientError as exc:
                if exc.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                return False
            return True

        return self._try(put) is not False

    def release(self, key: str) -> None:
        """Give a claim back, if the table is available."""
        self._try(lambda: self.client.put_item(TableName=self.table, Item=_claimed(key, 0)))

    def _try(self, call: Callable[[], T]) -> T | None:
        """Return what the call returns; None if it fails, or another failed a short while ago."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            with aws_errors(f"table {self.table}", "DynamoDB", not_found={"ResourceNotFoundException"}):
                return call()
        except JobError as exc:
            logger.opt(exception=exc).warning("dedup store unavailable", error=str(exc))
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            return None


def _claimed(key: str, until: float) -> dict[str, AttributeValueTypeDef]:
    expires = int(time.time()) + KEEP_SECONDS
    return {"id": {"S": key}, "claimedUntil": {"N": str(math.ceil(until))}, "expiresAt": {"N": str(expires)}}


@cache
def open_store(table: str) -> DedupStore:
    """Return the container's one store: the table, or the container itself if no table is named."""
    return TableStore(aws_client("dynamodb"), table) if table else ContainerStore()
