"""Gateway: how full the database is, and when it will be full (MongoDB)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bson import ObjectId
from loguru import logger

from joytify_common.errors import JobError
from joytify_common.messages import Storage
from joytify_common.mongo import Document, mongo_errors, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from pymongo.database import Database

# Atlas counts data and indexes, uncompressed, against the free tier's quota.
BYTES_PER_MB = 1024 * 1024
TREND = timedelta(days=7)
# Measured before a run, and after it in the reserve that the deadline leaves.
BEFORE_SECONDS, AFTER_SECONDS = 4.0, 2.0


def try_to_measure(measure: Callable[[], Storage], seconds: float) -> Storage | None:
    """Return the measured storage, or None if it is unavailable in this time: it is best effort."""
    try:
        with within(seconds):
            return measure()
    except JobError as exc:
        logger.warning("storage could not be measured", error=str(exc))
        return None


def measure_storage(
    database: Database[Document], *, limit_mb: int, alert_percent: float, names: Iterable[str], now: datetime
) -> Storage:
    """Return the bytes used by data and indexes, their share of the limit, and the trend.

    The trend is what came in over the last 7 days: an ObjectId holds when its document was made, so that a range of the
    `_id` index counts it, without a memory of earlier runs.

    Args:
        database: what is measured.
        limit_mb: the quota.
        alert_percent: share of the quota from which on operators are warned.
        names: the collections that grow.
        now: when the run began, UTC.
    """
    with mongo_errors():
        stats = database.command("dbStats")
        growth = sum(_bytes_since(database, name, now - TREND) for name in names) / TREND.days
    used, limit = int(stats["dataSize"] + stats["indexSize"]), limit_mb * BYTES_PER_MB
    percent = round(100 * used / limit, 2)
    return Storage(
        used_bytes=used,
        limit_bytes=limit,
        percent=percent,
        growth_bytes_per_day=round(growth),
        days_until_full=round(max(0, limit - used) / growth, 1) if growth > 0 else None,
        alert=percent > alert_percent,
    )


def _bytes_since(database: Database[Document], name: str, start: datetime) -> float:
    stats = database.command("collStats", name)
    if not stats.get("count"):
        return 0.0
    new = database[name].count_documents({"_id": {"$gte": ObjectId.from_datetime(start)}})
    return float(new * (stats["size"] + stats["totalIndexSize"]) / stats["count"])
