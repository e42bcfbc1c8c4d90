"""The metrics of a cleanup run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from joytify_common.metrics import put_metrics

if TYPE_CHECKING:
    from joytify_cleanup.report import CleanupReport


def put_report(function: str, report: CleanupReport, *, is_part: bool = False) -> None:
    """Put the run's figures into metrics of the function.

    Args:
        function: its name.
        report: of the run.
        is_part: whether another run reports what this one did: only its speed is its own.
    """
    values: dict[str, tuple[MetricUnit, float]] = {
        "RecordsPerSecond": (MetricUnit.CountPerSecond, report.records_per_second()),
        "BatchLatencyP50": (MetricUnit.Milliseconds, report.latency(50) * 1000),
        "BatchLatencyP99": (MetricUnit.Milliseconds, report.latency(99) * 1000),
    }
    if not is_part:
        values["RecordsDeleted"] = (MetricUnit.Count, report.deleted)
        values["ArchivedBytes"] = (MetricUnit.Bytes, report.archive.bytes if report.archive else 0)
    if report.storage is not None:
        values["StoragePercent"] = (MetricUnit.Percent, report.storage.percent)
    if report.remaining is not None and not is_part:
        values["RecordsRemaining"] = (MetricUnit.Count, report.remaining)
    put_metrics(function, values)
