"""The days since a job last completed all its work, as a metric for the missed-run alarm.

A CloudWatch alarm can look back at most a week, but a month passes between two runs of stats. So
each success is counted in one metric, and every few hours the job reads this count and writes the
days since the last success to another metric.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from joytify_common.aws import aws_errors
from joytify_common.metrics import NAMESPACE, put_metrics

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

SUCCESSES, DAYS = "Successes", "DaysSinceSuccess"
# How far back to look for a success: longer than the threshold of any missed-run alarm. If there is no success in this
# time, this number of days is reported.
LOOK_BACK = timedelta(days=45)
PERIOD_SECONDS = 3600


def put_success(function: str) -> None:
    """Count a success of the function, and set the days since the last success to zero."""
    put_metrics(function, {SUCCESSES: (MetricUnit.Count, 1), DAYS: (MetricUnit.Count, 0)})


def put_days_since_success(client: CloudWatchClient, *, function: str, now: datetime) -> float:
    """Write the days since the function's last success, at most 45, to a metric and return them.

    Args:
        client: client of CloudWatch.
        function: deployed name of the function.
        now: the time, UTC.

    Raises:
        ConfigError: access to CloudWatch is denied.
        TransientError: CloudWatch could not be reached.
    """
    last = last_success(client, function, now)
    days = (now - last) / timedelta(days=1) if last else LOOK_BACK / timedelta(days=1)
    put_metrics(function, {DAYS: (MetricUnit.Count, round(days, 2))})
    return round(days, 2)


def last_success(client: CloudWatchClient, function: str, now: datetime) -> datetime | None:
    """Return the start of the hour of the function's last success; None if there was none in 45 days.

    Raises:
        ConfigError: access to CloudWatch is denied.
        TransientError: CloudWatch could not be reached.
    """
    query: MetricDataQueryTypeDef = {
        "Id": "successes",
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": SUCCESSES,
                "Dimensions": [{"Name": "service", "Value": function}],
            },
            "Period": PERIOD_SECONDS,
            "Stat": "Sum",
        },
    }
    with aws_errors(f"metric {SUCCESSES}", "CloudWatch"):
        answer = client.get_metric_data(MetricDataQueries=[query], StartTime=now - LOOK_BACK, EndTime=now)
    times = [time for result in answer["MetricDataResults"] for time in result["Timestamps"]]
    return max(times, default=None)
