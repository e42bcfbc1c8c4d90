"""Gateway: who is entitled to the month's notification, who has it, and how far its delivery is (MongoDB)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymongo import WriteConcern
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from joytify_common.mongo import Document, bounded, retry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bson import ObjectId
    from pymongo.database import Database

    from joytify_common.collections import CollectionNames
    from joytify_common.deadline import Deadline
    from joytify_stats.period import Period

OPTED_IN = "userPreferences.notifications.monthlyStatistic"
# Written with the notification, so that one who removes the notification is not given it again by a retry.
# Mongoose ignores fields that it does not know.
MARK = "monthlyStatisticDelivery"


@dataclass(frozen=True)
class Chunk:
    """Part of the audience.

    Attributes:
        users: ids of users with statistics for the period.
        last: `_id` of the last stats document read; a continuation starts after it.
    """

    users: Sequence[ObjectId]
    last: ObjectId


@dataclass(frozen=True)
class DeliveryState:
    """How far the period's notification is.

    Attributes:
        exists: whether the notification has been created.
        finished: whether every entitled user has been given it.
        after: `_id` of the last stats document that was processed.
    """

    exists: bool
    finished: bool
    after: ObjectId | None


class Audience:
    """The users of one database who are entitled to one period's notification; no call outlives the deadline."""

    def __init__(
        self,
        database: Database[Document],
        names: CollectionNames,
        period: Period,
        notification: ObjectId,
        *,
        read_preference: str,
        deadline: Deadline,
    ) -> None:
        preference = make_read_preference(read_pref_mode_from_name(read_preference), tag_sets=None)
        # Only this long read may go to a secondary: a stale answer there is put right by the update's own filter.
        self._stats = database.get_collection(names.stats, read_preference=preference)
        self._users = database[names.users]
        self._notifications = database[names.notifications]
        # A progress that a failover takes back is only made again.
        self._progress = self._notifications.with_options(write_concern=WriteConcern(w=1))
        self._period = period
        self._id = notification
        self._deadline = deadline

    def delivery(self) -> DeliveryState:
        """Return how far the notification is, from the document itself."""
        with bounded(self._deadline):
            found = self._notifications.find_one({"_id": self._id})
        state = (found or {}).get("delivery", {})
        return DeliveryState(exists=found is not None, finished="finishedAt" in state, after=state.get("after"))

    def next_chunk(self, after: ObjectId | None, size: int) -> Chunk | None:
        """Return the next part of the audience in the order of the stats documents' `_id`, or None after the last.

        Args:
            after: `_id` of the stats document before it; None for the beginning.
            size: most stats documents in the part.
        """
        entitled: Document = {
            "stats": {"$elemMatch": {"createdAt": {"$gte": self._period.start, "$lt": self._period.end}}}
        }
        if after is not None:
            entitled["_id"] = {"$gt": after}
        # Grouped by the server: a list of ids costs this side half of what a document for each does.
        pipeline: list[Document] = [
            {"$match": entitled},
            {"$sort": {"_id": 1}},
            {"$limit": size},
            {"$group": {"_id": None, "users": {"$push": "$user"}, "last": {"$last": "$_id"}}},
        ]
        found = retry(self._deadline, lambda: next(self._stats.aggregate(pipeline, hint="_id_"), None))
        return Chunk(users=list(dict.fromkeys(found["users"])), last=found["last"]) if found else None

    def pending_users(self, users: Sequence[ObjectId]) -> list[ObjectId]:
        """Return those of the users who are opted in and have not got the notification."""
        return self._ids(self._pending(users))

    def _ids(self, query: Document) -> list[ObjectId]:
        pipeline: list[Document] = [{"$match": query}, {"$group": {"_id": None, "ids": {"$push": "$_id"}}}]
        found = retry(self._deadline, lambda: next(self._users.aggregate(pipeline), None))
        return list(found["ids"]) if found else []

    def create_notification(self, created_at: datetime, now: datetime) -> bool:
        """Create the period's notification unless it exists; return whether this call did."""
        document = {"type": "monthlyStatistic", "createdAt": created_at, "updatedAt": now, "delivery.startedAt": now}
        with bounded(self._deadline):
            result = self._notifications.update_one({"_id": self._id}, {"$setOnInsert": document}, upsert=True)
        return result.upserted_id is not None

    def attach(self, users: Sequence[ObjectId], run: str) -> list[ObjectId]:
        """Put the notification on the users' lists; return those who got it by this call and by no other.

        Args:
            users: who gets it; anyone who has it meanwhile is left alone.
            run: id of this call's part of the work, which no other call has.
        """
        entry = {"id": self._id, "viewed": False, "read": False}
        change = {"$push": {"notifications": entry}, "$set": {MARK: {"notification": self._id, "run": run}}}
        ours = {"_id": {"$in": list(users)}, f"{MARK}.notification": self._id, f"{MARK}.run": run}

        def push() -> list[ObjectId]:
            changed = self._users.update_many(self._not_notified(users), change).modified_count
            if changed < len(users):
                # The server pushes to no null, which counts as an empty list.
                null = {**self._pending(users), "notifications": {"$type": "null"}}
                if self._users.update_many(null, {"$set": {"notifications": []}}).modified_count:
                    changed += self._users.update_many(self._not_notified(users), change).modified_count
            # After an attempt that broke off, or beside another run, the marks say who got it by this call.
            return list(users) if changed == len(users) else self._ids(ours)

        return retry(self._deadline, push)

    def record_progress(self, after: ObjectId) -> None:
        """Record that all up to this stats document is processed; a slower run cannot set it back."""
        with bounded(self._deadline):
            self._progress.update_one({"_id": self._id}, {"$max": {"delivery.after": after}})

    def record_finish(self, now: datetime) -> None:
        """Record that the period is delivered: no later run delivers it again."""
        with bounded(self._deadline):
            self._notifications.update_one({"_id": self._id}, {"$set": {"delivery.finishedAt": now}})

    def _pending(self, users: Sequence[ObjectId]) -> Document:
        return {
            "_id": {"$in": list(users)},
            OPTED_IN: True,
            "notifications.id": {"$ne": self._id},
            f"{MARK}.notification": {"$ne": self._id},
        }

    def _not_notified(self, users: Sequence[ObjectId]) -> Document:
        # One malformed user must not stop the update for everyone after him.
        is_list = [{"notifications": {"$type": "array"}}, {"notifications": {"$exists": False}}]
        return {**self._pending(users), "$or": is_list}
