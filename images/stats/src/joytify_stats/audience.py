"""Gateway: who is to get the month's notification, who has it, and how far its delivery is (MongoDB)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from joytify_common.mongo import Document, mongo_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from bson import ObjectId
    from pymongo.database import Database

    from joytify_common.collections import CollectionNames
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
        last: `_id` of the last stats document read; a continuation goes on after it.
    """

    users: Sequence[ObjectId]
    last: ObjectId


@dataclass(frozen=True)
class Delivery:
    """How far the period's notification is.

    Attributes:
        exists: whether the notification has been created.
        finished: whether every entitled user has been given it.
        after: `_id` of the last stats document that was dealt with.
    """

    exists: bool
    finished: bool
    after: ObjectId | None


class Audience:
    """The users of one database who are to get one period's notification."""

    def __init__(
        self,
        database: Database[Document],
        names: CollectionNames,
        period: Period,
        notification: ObjectId,
        *,
        read_preference: str,
    ) -> None:
        preference = make_read_preference(read_pref_mode_from_name(read_preference), tag_sets=None)
        # Only this long read may go to a secondary: a stale answer there is put right by the update's own filter.
        self._stats = database.get_collection(names.stats, read_preference=preference)
        self._users = database[names.users]
        self._notifications = database[names.notifications]
        self._period = period
        self._id = notification

    def delivery(self) -> Delivery:
        """Return how far the notification is, from the document itself."""
        with mongo_errors():
            found = self._notifications.find_one({"_id": self._id})
        state = (found or {}).get("delivery", {})
        return Delivery(exists=found is not None, finished="finishedAt" in state, after=state.get("after"))

    def chunks(self, size: int, after: ObjectId | None) -> Iterator[Chunk]:
        """Yield the users with statistics for the period, streamed in the order of their stats documents' `_id`."""
        entitled: Document = {
            "stats": {"$elemMatch": {"createdAt": {"$gte": self._period.start, "$lt": self._period.end}}}
        }
        if after is not None:
            entitled["_id"] = {"$gt": after}
        with mongo_errors(), self._stats.find(entitled, {"user": 1}, batch_size=size).sort("_id", 1) as cursor:
            while documents := list(islice(cursor, size)):
                yield Chunk(users=list(dict.fromkeys(d["user"] for d in documents)), last=documents[-1]["_id"])

    def lacking(self, users: Sequence[ObjectId]) -> list[ObjectId]:
        """Return those of the users who are opted in and have not been given the notification."""
        with mongo_errors():
            return [user["_id"] for user in self._users.find(self._to_be_given(users), {"_id": 1})]

    def create_notification(self, created_at: datetime, now: datetime) -> bool:
        """Create the period's notification unless it exists; return whether this call did."""
        document = {"type": "monthlyStatistic", "createdAt": created_at, "updatedAt": now, "delivery.startedAt": now}
        with mongo_errors():
            result = self._notifications.update_one({"_id": self._id}, {"$setOnInsert": document}, upsert=True)
        return result.upserted_id is not None

    def attach(self, users: Sequence[ObjectId], run: str) -> list[ObjectId]:
        """Put the notification on the users' lists; return those who got it by this call and by no other.

        Args:
            users: who is to get it; anyone who has it meanwhile is left alone.
            run: id of this run.
        """
        entry = {"id": self._id, "viewed": False, "read": False}
        change = {"$push": {"notifications": entry}, "$set": {MARK: {"notification": self._id, "run": run}}}
        with mongo_errors():
            changed = self._users.update_many(self._to_be_given(users), change).modified_count
            if changed == len(users):
                return list(users)
            ours = {"_id": {"$in": list(users)}, f"{MARK}.notification": self._id, f"{MARK}.run": run}
            return [user["_id"] for user in self._users.find(ours, {"_id": 1})]

    def record_progress(self, after: ObjectId) -> None:
        """Write down that all up to this stats document is dealt with; a slower run cannot set it back."""
        with mongo_errors():
            self._notifications.update_one({"_id": self._id}, {"$max": {"delivery.after": after}})

    def record_finish(self, now: datetime) -> None:
        """Write down that the period is delivered: no later run delivers it again."""
        with mongo_errors():
            self._notifications.update_one({"_id": self._id}, {"$set": {"delivery.finishedAt": now}})

    def _to_be_given(self, users: Sequence[ObjectId]) -> dict[str, Any]:
        return {
            "_id": {"$in": list(users)},
            OPTED_IN: True,
            # One malformed user must not stop the update for everyone after him.
            "$or": [{"notifications": {"$type": "array"}}, {"notifications": {"$exists": False}}],
            "notifications.id": {"$ne": self._id},
            f"{MARK}.notification": {"$ne": self._id},
        }
