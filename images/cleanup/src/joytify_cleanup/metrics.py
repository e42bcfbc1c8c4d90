"""The metrics of a cleanup run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from joytify_common.metrics import put_metrics

if TYPE_CHECKING:
    from joytify_cleanup.report import CleanupReport


def put_report(function: str, report: CleanupReport) -> None:
    """Put the run's figures into metrics of the function."""
    values: dict[str, tuple[MetricUnit, float]] = {
        "RecordsDeleted": (MetricUnit.Count, report.deleted),
        "RecordsPerSecond": (MetricUnit.CountPerSecond, report.records_per_second()),
        "BatchLatencyP50": (MetricUnit.Milliseconds, report.latency(50) * 1000),
        "BatchLatencyP99": (MetricUnit.Milliseconds, report.latency(99) * 1000),
        "ArchivedBytes": (MetricUnit.Bytes, report.archive.bytes if report.archive else 0),
    }
    if report.storage is not None:
        values["StoragePercent"] = (MetricUnit.Percent, report.storage.percent)
    if report.remaining is not None:
        values["RecordsRemaining"] = (MetricUnit.Count, report.remaining)
    put_metrics(function, values)
