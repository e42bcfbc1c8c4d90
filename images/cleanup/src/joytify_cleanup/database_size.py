"""Gateway: how full the database is, and when it will be full (MongoDB)."""

from __future__ import annotations

from dataclasses import dataclass
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
# Cleanup runs once a week.
WEEK = timedelta(days=7)
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


@dataclass(frozen=True, kw_only=True)
class Trend:
    """What a week brings, in bytes of data and indexes.

    Attributes:
        added: by what was made in the last 7 days.
        expiring: by what will expire in the next 7 days.
    """

    added: float
    expiring: float

    def days_until_full(self, used: float, limit: float) -> float | None:
        """Return after how many days the limit is reached, cleaned up every 7 days; None if never.

        The database grows for a week, then what has expired is deleted: it is full once such a week does not fit.
        """
        left, net = max(0.0, limit - used), self.added - self.expiring
        if self.added <= 0 or (net <= 0 and left > self.added):
            return None
        if left <= self.added:
            return round(WEEK.days * left / self.added, 1)
        return round(WEEK.days * (1 + (left - self.added) / net), 1)


def measure_storage(
    database: Database[Document],
    *,
    limit_mb: int,
    alert_percent: float,
    names: Iterable[str],
    expiring: Iterable[str],
    now: datetime,
    cutoff: datetime,
) -> Storage:
    """Return the bytes used by data and indexes, their share of the limit, and the trend if it can be counted in time.

    An ObjectId holds when its document was made, so that ranges of the `_id` index count what came and what will go,
    without a memory of earlier runs. A document that is used again meanwhile does not go; that is not foreseen.

    Args:
        database: what is measured.
        limit_mb: the quota.
        alert_percent: share of the quota from which on operators are warned.
        names: the collections that grow.
        expiring: those of them that cleanup deletes from.
        now: when the run began, UTC.
        cutoff: what is older has expired.
    """
    with mongo_errors():
        stats = database.command("dbStats")
    used, limit = int(stats["dataSize"] + stats["indexSize"]), limit_mb * BYTES_PER_MB
    percent = round(100 * used / limit, 2)
    storage = Storage(used_bytes=used, limit_bytes=limit, percent=percent, alert=percent > alert_percent)
    try:
        with mongo_errors():
            added = sum(_bytes_between(database, name, now - WEEK, now) for name in names)
            leaving = sum(_bytes_between(database, name, cutoff, cutoff + WEEK) for name in expiring)
    except JobError as exc:
        logger.warning("storage trend could not be counted", error=str(exc))
        return storage
    trend = Trend(added=added, expiring=leaving)
    return storage.model_copy(
        update={
            "growth_bytes_per_day": round((trend.added - trend.expiring) / WEEK.days),
            "days_until_full": trend.days_until_full(used, limit),
            "percent_before_next_cleanup": round(100 * (used + trend.added) / limit, 2),
        }
    )


def _bytes_between(database: Database[Document], name: str, start: datetime, end: datetime) -> float:
    """Return about how much the documents made between two times take."""
    stats = database.command("collStats", name)
    if not stats.get("count"):
        return 0.0
    made = {"_id": {"$gte": ObjectId.from_datetime(start), "$lt": ObjectId.from_datetime(end)}}
    documents = database[name].count_documents(made, hint="_id_")
    return float(documents * (stats["size"] + stats["totalIndexSize"]) / stats["count"])
