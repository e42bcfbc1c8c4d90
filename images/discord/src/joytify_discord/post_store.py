"""Gateway: remember posts, so that a redelivery is not posted again and an incident keeps one post.

The store is a DynamoDB table, since alarms last longer than a container and an idle table is free.
Without it, a message may be posted twice, but is not lost, so an unavailable table is only logged.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import ClientError
from loguru import logger

from joytify_common.aws import aws_client, aws_errors
from joytify_common.errors import JobError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

# Lambda and SNS redeliver for hours; an alarm may last for weeks.
KEEP_SECONDS = 60 * 24 * 3600
MAX_ENTRIES = 10_000
# A table that does not answer must not prevent a post: after a failure it is not called for a
# while.
SILENCE_SECONDS = 60.0

T = TypeVar("T")


@dataclass
class ContainerStore:
    """A store that lasts as long as the container."""

    entries: OrderedDict[str, dict[str, str]] = field(default_factory=OrderedDict)

    def get(self, key: str) -> dict[str, str] | None:
        """Return the value stored under the key, or None."""
        return self.entries.get(key)

    def put(self, key: str, value: Mapping[str, str]) -> None:
        """Store the value under the key; remove the oldest entry if there are too many."""
        self.entries[key] = dict(value)
        while len(self.entries) > MAX_ENTRIES:
            self.entries.popitem(last=False)

    def claim(self, key: str, seconds: float) -> bool:
        """Reserve the key until it is released or the container ends; return False if it has a value or a claim."""
        del seconds
        if key in self.entries:
            return False
        self.put(key, {})
        return True

    def release(self, key: str) -> None:
        """Release a claim."""
        self.entries.pop(key, None)


@dataclass
class TableStore:
    """A store in a DynamoDB table with the key `id` and the time-to-live attribute `expiresAt`."""

    client: DynamoDBClient
    table: str
    _silent_until: float = field(default=0.0, init=False)

    def get(self, key: str) -> dict[str, str] | None:
        """Return the value stored under the key; None if there is no value or the table is unavailable."""
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
        """Reserve the key for this many seconds, so that a crashed caller does not block it.

        Return False if a value is stored or another caller has claimed the key; True if the table is unavailable,
        since a duplicate post is better than a lost message.
        """
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
        """Release a claim, if the table is available."""
        self._try(lambda: self.client.put_item(TableName=self.table, Item=_claimed(key, 0)))

    def _try(self, call: Callable[[], T]) -> T | None:
        """Return the call's result; None if it fails, or if another call failed recently."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            with aws_errors(f"table {self.table}", "DynamoDB", not_found={"ResourceNotFoundException"}):
                return call()
        except JobError as exc:
            logger.opt(exception=exc).warning("post store unavailable", error=str(exc))
            self._silent_until = time.monotonic() + SILENCE_SECONDS
            return None


def _claimed(key: str, until: float) -> dict[str, AttributeValueTypeDef]:
    expires = int(time.time()) + KEEP_SECONDS
    return {"id": {"S": key}, "claimedUntil": {"N": str(math.ceil(until))}, "expiresAt": {"N": str(expires)}}


PostStore = ContainerStore | TableStore


@cache
def open_store(table: str) -> PostStore:
    """Return the store: the DynamoDB table, or the container's own memory if no table is named."""
    return TableStore(aws_client("dynamodb"), table) if table else ContainerStore()
