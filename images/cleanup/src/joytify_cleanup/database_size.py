"""Gateway: how full the database is, and when it will be full (MongoDB)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from loguru import logger
from pymongo.database import Database

from joytify_common.errors import JobError
from joytify_common.messages import Storage
from joytify_common.mongo import Document, mongo_errors, within

# Atlas counts data and indexes, uncompressed, against the quota of the free tier.
BYTES_PER_MB = 1024 * 1024
# Cleanup runs once a week.
WEEK = timedelta(days=7)
# Time limits of the measurements after a run, which use the reserve after the deadline.
AFTER_SECONDS, FORECAST_SECONDS = 0.5, 1.5


@dataclass(frozen=True, kw_only=True)
class Trend:
    """The changes of one week, in bytes of data and indexes.

    Attributes:
        added: size of the documents created in the last 7 days.
        expiring: size of the documents that will expire in the next 7 days.
    """

    added: float
    expiring: float

    def days_until_full(self, used: float, limit: float) -> float | None:
        """Return in how many days the limit is reached, with a cleanup every 7 days; None if never.

        The database grows for a week, then cleanup deletes the expired documents. It is full in the
        first week whose growth does not fit.
        """
        left, net = max(0.0, limit - used), self.added - self.expiring
        if self.added <= 0 or (net <= 0 and left > self.added):
            return None
        if left <= self.added:
            return round(WEEK.days * left / self.added, 1)
        return round(WEEK.days * (1 + (left - self.added) / net), 1)


@dataclass(frozen=True, kw_only=True)
class DatabaseSize:
    """Measures the size of one database; every measurement is best effort.

    Attributes:
        limit_mb: the quota.
        alert_percent: share of the quota above which operators are warned.
        names: names of the collections that grow.
        expiring: names of the collections that cleanup deletes from.
        now: when the run began, UTC.
        cutoff: documents with an earlier date have expired.
    """

    database: Database[Document]
    limit_mb: int
    alert_percent: float
    names: Iterable[str]
    expiring: Collection[str]
    now: datetime
    cutoff: datetime

    def measure(self, seconds: float) -> Storage | None:
        """Return the bytes used by data and indexes; None on failure or after `seconds`."""
        try:
            with mongo_errors(), within(seconds):
                stats = self.database.command("dbStats")
        except JobError as exc:
            logger.warning("storage could not be measured", error=str(exc))
            return None
        used, limit = int(stats["dataSize"] + stats["indexSize"]), self.limit_mb * BYTES_PER_MB
        percent = round(100 * used / limit, 2)
        return Storage(used_bytes=used, limit_bytes=limit, percent=percent, alert=percent > self.alert_percent)

    def after_run(self, *, with_trend: bool) -> Storage | None:
        """Return how full the database is after a run, optionally with a trend; None if unknown."""
        storage = self.measure(AFTER_SECONDS)
        return self.forecast(storage, FORECAST_SECONDS) if storage is not None and with_trend else storage

    def forecast(self, storage: Storage, seconds: float) -> Storage:
        """Return the measurement with the trend added, or unchanged if the trend takes too long.

        An ObjectId contains the creation time of its document. So the documents that were added, and the documents that
        will expire, are counted in ranges of the `_id` index; no earlier measurement is needed. A session expires by
        its last use, which `_id` does not show, so a session that will be used again is counted as expiring too.
        """
        # Documents from before the cutoff may be deleted already, so the window begins no earlier
        # than the cutoff.
        window = min(WEEK, self.now - self.cutoff)
        try:
            with mongo_errors(), within(seconds):
                sizes = {name: size for name in self.names if (size := self._document_bytes(name))}
                added = sum(size * self._made(name, self.now - window) for name, size in sizes.items())
                expiring = sum(
                    size * self._made(name, self.cutoff, self.cutoff + window)
                    for name, size in sizes.items()
                    if name in self.expiring
                )
        except JobError as exc:
            logger.warning("storage trend could not be counted", error=str(exc))
            return storage
        trend = Trend(added=added * (WEEK / window), expiring=expiring * (WEEK / window))
        changes = {
            "growth_bytes_per_day": round((trend.added - trend.expiring) / WEEK.days),
            "days_until_full": trend.days_until_full(storage.used_bytes, storage.limit_bytes),
            "percent_before_next_cleanup": round(100 * (storage.used_bytes + trend.added) / storage.limit_bytes, 2),
        }
        return storage.model_copy(update=changes)

    def _document_bytes(self, name: str) -> float:
        """Return the average size of a document, including its share of the indexes."""
        stats = self.database.command("collStats", name)
        return float((stats["size"] + stats["totalIndexSize"]) / stats["count"]) if stats.get("count") else 0.0

    def _made(self, name: str, start: datetime, end: datetime | None = None) -> int:
        """Return how many documents were created between two times."""
        until = {} if end is None else {"$lt": ObjectId.from_datetime(end)}
        made = {"_id": {"$gte": ObjectId.from_datetime(start), **until}}
        return self.database[name].count_documents(made, hint="_id_")
