"""Gateway: how full the database is, and when it will be full (MongoDB)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import pymongo.collection
from bson import ObjectId
from loguru import logger
from pymongo.database import Database

from joytify_common.errors import JobError
from joytify_common.messages import Storage
from joytify_common.mongo import Document, mongo_errors, within

# The storage limit is in MB of this size. Atlas counts data and indexes, uncompressed, against the free tier's quota.
BYTES_PER_MB = 1024 * 1024
# Cleanup runs once a week.
WEEK = timedelta(days=7)
# Time limits of the measurements after a run, which use the reserve after the deadline.
AFTER_SECONDS, FORECAST_SECONDS = 0.5, 1.5


def measure(database: Database[Document], limit_mb: int, alert_percent: float, seconds: float) -> Storage | None:
    """Return the bytes used by data and indexes; None on failure or after `seconds`."""
    try:
        with mongo_errors(), within(seconds):
            stats = database.command("dbStats")
    except JobError as exc:
        logger.warning("storage could not be measured", error=str(exc))
        return None
    used, limit = int(stats["dataSize"] + stats["indexSize"]), limit_mb * BYTES_PER_MB
    percent = round(100 * used / limit, 2)
    return Storage(used_bytes=used, limit_bytes=limit, percent=percent, alert=percent > alert_percent)


def forecast(
    database: Database[Document],
    storage: Storage,
    seconds: float,
    *,
    names: Iterable[str],
    expiring: Collection[str],
    now: datetime,
    cutoff: datetime,
) -> Storage:
    """Return the measurement with the trend added, or unchanged if the trend takes too long.

    An ObjectId contains the creation time of its document. So the documents that were added, and the documents that
    will expire, are counted in ranges of the `_id` index; no earlier measurement is needed. A session expires by
    its last use, which `_id` does not show, so a session that will be used again is counted as expiring too.

    Args:
        database: database to measure.
        storage: its size.
        seconds: time limit.
        names: names of the collections that grow.
        expiring: names of the collections that cleanup deletes from.
        now: when the run began, UTC.
        cutoff: documents with an earlier date have expired.
    """
    # Documents from before the cutoff may be deleted already, so the window begins no earlier
    # than the cutoff.
    window = min(WEEK, now - cutoff)
    try:
        with mongo_errors(), within(seconds):
            sizes = {name: size for name in names if (size := _document_bytes(database, name))}
            added = sum(size * _made(database[name], now - window) for name, size in sizes.items())
            leaving = (name for name in sizes if name in expiring)
            expired = sum(sizes[name] * _made(database[name], cutoff, cutoff + window) for name in leaving)
    except JobError as exc:
        logger.warning("storage trend could not be counted", error=str(exc))
        return storage
    added, expired = added * (WEEK / window), expired * (WEEK / window)
    changes = {
        "growth_bytes_per_day": round((added - expired) / WEEK.days),
        "days_until_full": days_until_full(added, expired, storage.limit_bytes - storage.used_bytes),
        "percent_before_next_cleanup": round(100 * (storage.used_bytes + added) / storage.limit_bytes, 2),
    }
    return storage.model_copy(update=changes)


def days_until_full(added: float, expiring: float, left: float) -> float | None:
    """Return in how many days no space is left, with a cleanup every 7 days; None if never.

    The database grows for a week, then cleanup deletes the expired documents. It is full in the
    first week whose growth does not fit.

    Args:
        added: size of the documents created in the last 7 days.
        expiring: size of the documents that will expire in the next 7 days.
        left: bytes below the limit.
    """
    left, net = max(0.0, left), added - expiring
    if added <= 0 or (net <= 0 and left > added):
        return None
    if left <= added:
        return round(WEEK.days * left / added, 1)
    return round(WEEK.days * (1 + (left - added) / net), 1)


def _document_bytes(database: Database[Document], name: str) -> float:
    """Return the average size of a document, including its share of the indexes."""
    stats = database.command("collStats", name)
    return float((stats["size"] + stats["totalIndexSize"]) / stats["count"]) if stats.get("count") else 0.0


def _made(collection: pymongo.collection.Collection[Document], start: datetime, end: datetime | None = None) -> int:
    """Return how many documents were created between two times."""
    until = {} if end is None else {"$lt": ObjectId.from_datetime(end)}
    return collection.count_documents({"_id": {"$gte": ObjectId.from_datetime(start), **until}}, hint="_id_")
