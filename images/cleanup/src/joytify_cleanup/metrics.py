"""The metrics of a cleanup run."""

from __future__ import annotations

from aws_lambda_powertools.metrics import MetricUnit

from joytify_cleanup.report import CleanupReport
from joytify_common.metrics import put_metrics


def put_report(function: str, report: CleanupReport) -> None:
    """Write the figures of a run in production as metrics of the function."""
    archive = report.reported_figures.archive if report.reported_figures else None
    values: dict[str, tuple[MetricUnit, float]] = {
        "RecordsDeleted": (MetricUnit.Count, report.deleted),
        "ArchivedBytes": (MetricUnit.Bytes, archive.bytes if archive else 0),
    }
    if report.latencies:
        values["RecordsPerSecond"] = (MetricUnit.CountPerSecond, report.records_per_second())
        values["BatchLatencyP50"] = (MetricUnit.Milliseconds, report.latency(50) * 1000)
        values["BatchLatencyP99"] = (MetricUnit.Milliseconds, report.latency(99) * 1000)
    if report.storage is not None:
        values["StoragePercent"] = (MetricUnit.Percent, report.storage.percent)
    if report.remaining is not None:
        values["RecordsRemaining"] = (MetricUnit.Count, report.remaining)
    put_metrics(function, values)
