"""Gateway: measures the model's sizes and rates in a database (MongoDB)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo.database import Database

from joytify_cleanup.database_size import forecast
from joytify_cli.capacity.model import ALERT_SHARE, EXPIRING, FOR_GOOD, SIZES, Model, Profile
from joytify_cli.terminal import CommandError
from joytify_common.messages import Storage
from joytify_common.mongo import Document, mongo_errors, within

QUERY_SECONDS = 60
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Measured:
    """Measured size and growth of a database.

    Attributes:
        model: the storage model with the measured figures; it has a single kind of user, with the measured average of
            each weekly rate.
        used: bytes of data and indexes now.
        growth_per_day: net growth in bytes per day; None if unknown.
        next_level: share of the limit that usage reaches next: the alert level, or 1 if usage has reached it.
        days_until_next_level: days until usage reaches that share; None if never or unknown.
    """

    model: Model
    used: int
    growth_per_day: float | None
    next_level: float
    days_until_next_level: float | None


def measure(database: Database[Document], assumed: Model, *, now: datetime) -> Measured:
    """Return the database's size and growth, and a model with its measured document sizes and weekly rates.

    Args:
        database: database to measure.
        assumed: model that gives the retention period and the limit.
        now: the time, UTC.

    Raises:
        CommandError: there are no users.
        JobError: MongoDB refused, or did not answer in time.
    """
    with mongo_errors(), within(QUERY_SECONDS):
        total = database.command("dbStats")
        stats = {kind: database.command("collStats", kind) for kind in SIZES}
        users = int(stats["users"].get("count", 0))
        if not users:
            raise CommandError(f"{database.name} has no users to measure")
        weekly = {kind: _weekly(database, kind, now) / users for kind in (*EXPIRING, *FOR_GOOD)}
    sizes = {kind: float(found.get("avgObjSize", 0)) for kind, found in stats.items()}
    # The database may also hold test collections, so the share of indexes is that of the measured collections.
    indexes, data = (sum(found.get(key, 0) for found in stats.values()) for key in ("totalIndexSize", "size"))
    profile = Profile("measured", weekly)
    share = indexes / max(1, data + indexes)
    model = replace(assumed, mix=[(profile, 1.0)], users=users, index_share=share, sizes=sizes)
    used = int(total["dataSize"]) + int(total["indexSize"])
    level = ALERT_SHARE if used < ALERT_SHARE * model.limit else 1.0
    # With the next level as the limit, `days_until_full` is the number of days until usage reaches that level.
    storage = Storage(used_bytes=used, limit_bytes=round(level * model.limit), percent=0)
    cutoff = now - timedelta(days=model.retention_days)
    trend = forecast(database, storage, QUERY_SECONDS, names=tuple(SIZES), expiring=EXPIRING, now=now, cutoff=cutoff)
    return Measured(model, used, trend.growth_bytes_per_day, level, trend.days_until_full)


def _weekly(database: Database[Document], kind: str, now: datetime) -> float:
    """Return the number of documents created per week, counted over the last seven days.

    If the collection is less than seven days old, the count covers its whole age (at least one day) and is scaled to a
    week. Only the index on `_id` is read: its oldest entry, and the entries of the last seven days.
    """
    collection = database[kind]
    oldest = next(
        collection.find({"_id": {"$type": "objectId"}}, {"_id": 1}, hint="_id_").sort("_id", 1).limit(1), None
    )
    if oldest is None:
        return 0.0
    window = min(WEEK, max(now - oldest["_id"].generation_time, timedelta(days=1)))
    made: int = collection.count_documents({"_id": {"$gte": ObjectId.from_datetime(now - window)}}, hint="_id_")
    return float(made * (WEEK / window))
