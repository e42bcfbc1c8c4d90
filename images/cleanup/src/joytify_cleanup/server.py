"""Gateway: how much a server bears, and how fast earlier runs were (MongoDB, CloudWatch)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from joytify_common.aws import aws_errors
from joytify_common.errors import JobError
from joytify_common.metrics import NAMESPACE
from joytify_common.mongo import mongo_errors, within

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from pymongo import MongoClient

SECONDS = 5.0
LOOK_BACK = timedelta(days=45)
DAY_SECONDS = 86_400
# A third of what docs/benchmarks.md measured on two cores, where no run has been measured yet.
ASSUMED_PER_SECOND = 10_000.0


@dataclass(frozen=True)
class Server:
    """A MongoDB.

    Attributes:
        capacity: how many workers at once it is faster with than with fewer.
        description: what it is, for people.
    """

    capacity: int
    description: str


def describe_server(client: MongoClient[dict[str, Any]], told: int | None) -> Server:
    """Return what the server is and bears; deletes go to the primary alone, of each shard.

    Args:
        client: connected to it.
        told: its capacity as an operator knows it, or None.

    Raises:
        JobError: it does not answer.
    """
    with mongo_errors(), within(SECONDS):
        hello = client.admin.command("hello")
        shards = len(client.admin.command("listShards")["shards"]) if hello.get("msg") == "isdbgrid" else 1
    if told is not None:
        return Server(told, f"the server is said to bear {told} workers at once")
    if hello.get("msg") == "isdbgrid":
        return Server(shards, f"a cluster of {shards} shards, each with a primary that takes its writes")
    if "setName" in hello:
        return Server(1, "a replica set has one primary, which takes all writes")
    return Server(1, "it is a single server")


def measured_rate(client: CloudWatchClient, function: str, now: datetime) -> float:
    """Return how many records a second the last run that deleted any did; an assumption if none is known."""
    query: MetricDataQueryTypeDef = {
        "Id": "rate",
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": "RecordsPerSecond",
                "Dimensions": [{"Name": "service", "Value": function}],
            },
            "Period": DAY_SECONDS,
            "Stat": "Maximum",
        },
    }
    try:
        with aws_errors("metric RecordsPerSecond", "CloudWatch"):
            answer = client.get_metric_data(MetricDataQueries=[query], StartTime=now - LOOK_BACK, EndTime=now)
    except JobError:
        return ASSUMED_PER_SECOND
    values = {
        time: value
        for result in answer["MetricDataResults"]
        for time, value in zip(result["Timestamps"], result["Values"], strict=False)
        if value > 0
    }
    return float(values[max(values)]) if values else ASSUMED_PER_SECOND
