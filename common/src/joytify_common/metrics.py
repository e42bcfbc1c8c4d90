"""Metrics in CloudWatch's embedded metric format: a log line that CloudWatch turns into metrics."""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Joytify"


def put_metrics(function: str, values: Mapping[str, tuple[MetricUnit, float]]) -> None:
    """Write the metrics of one run, with the function as their dimension `service`.

    Args:
        function: deployed name of the function.
        values: unit and value by metric name.
    """
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=function)
    for name, (unit, value) in values.items():
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
