"""Checks the invariants of any database, independently of the pipeline's code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from pymongo.database import Database

from joytify_common.collections import CollectionNames
from joytify_common.mongo import Document


def faults(database: Database[Document], names: CollectionNames) -> Iterator[str]:
    """Yield one sentence for each rule that the database breaks."""
    monthly = list(database[names.notifications].find({"type": "monthlyStatistic"}).sort("createdAt", 1))
    seen: set[tuple[int, int]] = set()
    for notification in monthly:
        month = (notification["createdAt"].year, notification["createdAt"].month)
        if month in seen:
            yield f"more than one monthly notification was created in {month[0]}-{month[1]:02}"
        seen.add(month)
        yield from _notification_faults(database, names, notification)


def _notification_faults(database: Database[Document], names: CollectionNames, notification: Document) -> Iterator[str]:
    users = database[names.users]
    identity = notification["_id"]
    held = {"$filter": {"input": {"$ifNull": ["$notifications", []]}, "cond": {"$eq": ["$$this.id", identity]}}}
    twice = users.count_documents({"$expr": {"$gt": [{"$size": held}, 1]}})
    if twice:
        yield f"{twice} users have notification {identity} more than once"
    if without_statistics := sum(1 for _ in holders_without_statistics(database, names, notification)):
        yield f"{without_statistics} users have notification {identity}, but no statistics for the month before it"


def holders_without_statistics(
    database: Database[Document], names: CollectionNames, notification: Document
) -> Iterator[Document]:
    """Return the users who have the notification although the backend would find no statistics for them."""
    start, end = month_before(notification["createdAt"])
    element = {"$elemMatch": {"createdAt": {"$gte": start, "$lt": end}}}
    return database[names.users].aggregate(
        [
            {"$match": {"notifications.id": notification["_id"]}},
            {
                "$lookup": {
                    "from": names.stats,
                    "localField": "_id",
                    "foreignField": "user",
                    "pipeline": [{"$match": {"stats": element}}, {"$project": {"_id": 1}}],
                    "as": "found",
                }
            },
            {"$match": {"found": {"$size": 0}}},
            {"$project": {"_id": 1}},
        ]
    )


def month_before(moment: datetime) -> tuple[datetime, datetime]:
    """Return the calendar month (UTC) before the month of `moment`, as `[start, end)`."""
    end = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    start = datetime(end.year - (end.month == 1), (end.month - 2) % 12 + 1, 1, tzinfo=UTC)
    return start, end
