"""How long ago a job last did all that it had to: a metric of ours, which the dead man's alarm watches.

CloudWatch looks back a week at most in an alarm, and a month passes between two runs of stats. So each success is
counted in one metric, and every few hours the job reads that count and tells in another how many days have passed.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from joytify_common.errors import ConfigError, TransientError
from joytify_common.metrics import NAMESPACE, put_metrics
from joytify_common.secrets import AWS_CONFIG

if TYPE_CHECKING:
    from datetime import datetime

SUCCESSES, DAYS = "Successes", "DaysSinceSuccess"
# Longer than any silence that is waited for; where no success is found, this is told.
LOOK_BACK = timedelta(days=45)
PERIOD_SECONDS = 3600


@cache
def cloudwatch_client() -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return the container's one client of CloudWatch."""
    return boto3.client("cloudwatch", config=AWS_CONFIG)


def put_success(function: str) -> None:
    """Count a success of the function, and tell at once that it is no days old."""
    put_metrics(function, {SUCCESSES: (MetricUnit.Count, 1), DAYS: (MetricUnit.Count, 0)})


def put_days_since_success(client: Any, *, function: str, now: datetime) -> float:  # noqa: ANN401 - see cloudwatch_client
    """Tell as a metric how many days ago the function last succeeded, and return them; 45 where that is longer ago.

    Args:
        client: client of CloudWatch.
        function: deployed name of the function.
        now: the time, UTC.

    Raises:
        ConfigError: CloudWatch may not be asked.
        TransientError: CloudWatch could not be reached.
    """
    last = _last_success(client, function, now)
    days = (now - last) / timedelta(days=1) if last else LOOK_BACK / timedelta(days=1)
    put_metrics(function, {DAYS: (MetricUnit.Count, round(days, 2))})
    return round(days, 2)


def _last_success(client: Any, function: str, now: datetime) -> datetime | None:  # noqa: ANN401 - see cloudwatch_client
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": SUCCESSES,
        "Dimensions": [{"Name": "service", "Value": function}],
    }
    query = {"Id": "successes", "MetricStat": {"Metric": metric, "Period": PERIOD_SECONDS, "Stat": "Sum"}}
    try:
        answer = client.get_metric_data(MetricDataQueries=[query], StartTime=now - LOOK_BACK, EndTime=now)
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        error = ConfigError if code in {"AccessDenied", "AccessDeniedException"} else TransientError
        raise error(f"metric {SUCCESSES}: CloudWatch answered {code}") from None
    except BotoCoreError as exc:
        raise TransientError(f"metric {SUCCESSES}: CloudWatch could not be reached ({type(exc).__name__})") from None
    moments: list[datetime] = [moment for result in answer["MetricDataResults"] for moment in result["Timestamps"]]
    return max(moments, default=None)
