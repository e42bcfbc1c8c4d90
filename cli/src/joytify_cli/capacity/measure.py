"""Gateway: takes the model's sizes and rates from a database (MongoDB)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from joytify_cleanup.database_size import DatabaseSize
from joytify_cli.capacity.model import EXPIRING, FOR_GOOD, SIZES, Model, Profile
from joytify_common.mongo import mongo_errors, within

if TYPE_CHECKING:
    from datetime import datetime

    from pymongo.database import Database

Document = dict[str, Any]

# The newest of a collection, by `_id`: read from its index, so that a large collection costs no more than a small one.
NEWEST = 10_000
SECONDS = 60
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Measured:
    """What a database holds, and what comes.

    Attributes:
        model: with one kind of user, the average of all.
        used: bytes of data and indexes now.
        days_until_alert: days until the share of the limit is used at which operators are warned; None if never.
    """

    model: Model
    used: int
    days_until_alert: float | None


def measure(database: Database[Document], assumed: Model, *, alert_share: float, now: datetime) -> Measured:
    """Return the model of a database's own sizes and rates.

    Args:
        database: which.
        assumed: has the retention period and the limit.
        alert_share: share of the limit at which operators are warned.
        now: the time, UTC.

    Raises:
        JobError: MongoDB refused, or did not answer in time.
    """
    with mongo_errors(), within(SECONDS):
        total = database.command("dbStats")
        stats = {kind: database.command("collStats", kind) for kind in SIZES}
        users = max(1, int(stats["users"].get("count", 0)))
        weekly = {kind: _weekly(database, kind, now) / users for kind in (*EXPIRING, *FOR_GOOD)}
    sizes = {kind: float(found.get("avgObjSize", 0)) for kind, found in stats.items()}
    data, indexes = int(total["dataSize"]), int(total["indexSize"])
    profile = Profile("measured", weekly, most_sessions=stats["sessions"].get("count", 0) / users)
    share = indexes / max(1, data + indexes)
    model = replace(assumed, mix=[(profile, 1.0)], users=users, index_share=share, sizes=sizes)
    return Measured(model, data + indexes, _days_until(database, model, alert_share, now))


def _weekly(database: Database[Document], kind: str, now: datetime) -> float:
    """Return how many documents come in a week, from how long ago the newest of them were made."""
    newest = database[kind].find({}, {"_id": 1}, hint="_id_").sort("_id", -1)
    ids = [document["_id"] for document in newest.limit(NEWEST) if isinstance(document["_id"], ObjectId)]
    if not ids:
        return 0.0
    span = max(now - ids[-1].generation_time, timedelta(days=1))
    return len(ids) * (WEEK / span)


def _days_until(database: Database[Document], model: Model, share: float, now: datetime) -> float | None:
    size = DatabaseSize(
        database=database,
        limit_mb=max(1, round(model.limit_mb * share)),
        alert_percent=100,
        names=tuple(SIZES),
        expiring=EXPIRING,
        now=now,
        cutoff=now - timedelta(days=model.retention_days),
    )
    storage = size.measure(SECONDS)
    return size.forecast(storage, SECONDS).days_until_full if storage else None
