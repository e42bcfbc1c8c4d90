"""Gateway: who is entitled to the month's notification, who has it, and how far its delivery is (MongoDB)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import ReturnDocument, WriteConcern
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from joytify_common.ids import CODEC, behind
from joytify_common.mongo import Document, bounded, retry
from joytify_stats.divided import divided, log_skipped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pymongo.database import Database

    from joytify_common.collections import CollectionNames
    from joytify_common.deadline import Deadline
    from joytify_stats.period import Period

WANTED = "userPreferences.notifications.monthlyStatistic"
# Written with the notification, so that one who removes the notification is not given it again by a retry.
# Mongoose ignores fields that it does not know.
MARK = "monthlyStatisticDelivery"
LISTS = ["array", "missing", "null"]


@dataclass(frozen=True)
class Chunk:
    """Part of the audience.

    Attributes:
        users: ids of users with statistics for the period.
        last: `_id` of the last stats document read, of any BSON type; a continuation starts behind it.
        skipped: number of documents with statistics whose `user` is no ObjectId.
    """

    users: Sequence[ObjectId]
    last: Any
    skipped: int = 0


@dataclass(frozen=True)
class Attached:
    """What became of some users.

    Attributes:
        users: who got the notification, or is to get it.
        skipped: number of users who are entitled to it, but whose document cannot take it.
    """

    users: Sequence[ObjectId]
    skipped: int = 0


@dataclass(frozen=True)
class DeliveryState:
    """How far the period's notification is.

    Attributes:
        notification: its `_id`; None if nobody has created it.
        adopted: whether another system created it.
        deleted: whether it has been deleted after it was sent to users.
        finished: whether every entitled user has been given it.
        skipped: whether earlier runs that this one continues have skipped users.
        after: `_id` of the last stats document that was processed; None if there is none.
    """

    notification: ObjectId | None = None
    adopted: bool = False
    deleted: bool = False
    finished: bool = False
    skipped: bool = False
    after: Any = None


class Audience:
    """The users of one database who are entitled to one period's notification; no call outlives the deadline.

    A notification of this kind that was created in the month after the period is the period's, whoever created it: the
    backend shows it with the statistics of that month. Who has it has been notified, and the others get it as well.
    """

    def __init__(
        self,
        database: Database[Document],
        names: CollectionNames,
        period: Period,
        *,
        read_preference: str,
        deadline: Deadline,
    ) -> None:
        preference = make_read_preference(read_pref_mode_from_name(read_preference), tag_sets=None)
        # Only this long read may go to a secondary: a stale answer there is put right by the update's own filter.
        self._stats = database.get_collection(names.stats, codec_options=CODEC, read_preference=preference)
        self._users = database[names.users]
        self._notifications = database.get_collection(names.notifications, codec_options=CODEC)
        self._deliveries = database.get_collection(names.deliveries, codec_options=CODEC)
        # A progress that a failover takes back is only made again.
        self._progress = self._deliveries.with_options(write_concern=WriteConcern(w=1))
        self._period = period
        self._record = {"_id": str(period)}
        self._of_period: list[Any] = []
        # Who has one of these has been notified.
        self._held: set[Any] = set()
        self._deadline = deadline

    def delivery(self) -> DeliveryState:
        """Return how far the period's notification is."""
        shown = {"$gte": self._period.end, "$lt": self._period.shown_until}
        of_period = {"type": "monthlyStatistic", "createdAt": shown}
        with bounded(self._deadline):
            record = self._deliveries.find_one(self._record)
            found = self._notifications.find(of_period, {"_id": 1}).sort([("createdAt", 1), ("_id", 1)])
            self._of_period = [each["_id"] for each in found]
            if record is None:
                return self._adopting()
            notification = record["notification"]
            exists = self._notifications.find_one({"_id": notification}, {"_id": 1}) is not None
        self._held = {*self._of_period, notification}
        reached_end, skipped = "finishedAt" in record, record.get("skipped", False)
        return DeliveryState(
            notification=notification if exists else None,
            adopted=record.get("adopted", False),
            deleted=not exists and (reached_end or "after" in record),
            # Documents that were skipped may have been repaired: everyone is looked at once more.
            finished=reached_end and not skipped,
            skipped=skipped and not reached_end,
            after=None if reached_end else record.get("after"),
        )

    def forget(self, *, dry_run: bool) -> DeliveryState:
        """Forget a delivery whose notification has been deleted, and return the state of another one."""
        if not dry_run:
            with bounded(self._deadline):
                self._deliveries.delete_one({**self._record, "notification": {"$in": list(self._held)}})
        return self._adopting()

    def _adopting(self) -> DeliveryState:
        """Return the state of a delivery that nobody has begun, with the notification that another system created."""
        self._held = set(self._of_period)
        oldest = next(iter(self._of_period), None)
        return DeliveryState(notification=oldest, adopted=oldest is not None)

    def next_chunk(self, after: Any, size: int) -> Chunk | None:  # noqa: ANN401 - an _id may be of any type
        """Return the next part of the audience in the order of the stats documents' `_id`, or None after the last.

        Args:
            after: `_id` of the stats document before it; MinKey for the beginning.
            size: most stats documents in the part.
        """
        in_period = {"createdAt": {"$gte": self._period.start, "$lt": self._period.end}}
        is_id = {"$eq": [{"$type": "$user"}, "objectId"]}
        # Grouped by the server: a list of ids costs this side half of what a document for each does.
        pipeline: list[Document] = [
            {"$match": {"stats": {"$elemMatch": in_period}, "$expr": {"$and": behind(after)}}},
            {"$sort": {"_id": 1}},
            {"$limit": size},
            {
                "$group": {
                    "_id": None,
                    "users": {"$push": {"$cond": [is_id, "$user", "$$REMOVE"]}},
                    "odd": {"$push": {"$cond": [is_id, "$$REMOVE", "$_id"]}},
                    "last": {"$last": "$_id"},
                }
            },
        ]
        found = retry(self._deadline, lambda: next(self._stats.aggregate(pipeline, hint="_id_"), None))
        if found is None:
            return None
        log_skipped("stats documents whose user is no ObjectId", found["odd"])
        return Chunk(users=list(dict.fromkeys(found["users"])), last=found["last"], skipped=len(found["odd"]))

    def pending(self, users: Sequence[ObjectId]) -> Attached:
        """Return those of the users who want the notification and have not got it."""
        is_list = {"$in": [{"$type": "$notifications"}, LISTS]}
        pipeline: list[Document] = [
            {"$match": self._pending(users)},
            {
                "$group": {
                    "_id": None,
                    "ids": {"$push": {"$cond": [is_list, "$_id", "$$REMOVE"]}},
                    "odd": {"$push": {"$cond": [is_list, "$$REMOVE", "$_id"]}},
                }
            },
        ]
        found = retry(self._deadline, lambda: next(self._users.aggregate(pipeline), None))
        if found is None:
            return Attached([])
        log_skipped("users whose notifications are no list", found["odd"])
        return Attached(found["ids"], len(found["odd"]))

    def create_notification(
        self, adopted: ObjectId | None, created_at: datetime, now: datetime
    ) -> tuple[ObjectId, bool]:
        """Create the period's notification unless it exists; return its `_id`, and whether this call created it.

        Args:
            adopted: `_id` of one that is there already, or None.
            created_at: its date.
            now: when the run began.
        """
        record = {"notification": adopted or ObjectId(), "startedAt": now, "adopted": adopted is not None}
        document = {"type": "monthlyStatistic", "createdAt": created_at, "updatedAt": now}
        with bounded(self._deadline):
            # Of runs at the same time one decides which notification it is.
            decided = self._deliveries.find_one_and_update(
                self._record, {"$setOnInsert": record}, upsert=True, return_document=ReturnDocument.AFTER
            )
            identity: Any = (decided or record)["notification"]
            result = self._notifications.update_one({"_id": identity}, {"$setOnInsert": document}, upsert=True)
        self._held = {*self._held, identity}
        return identity, result.upserted_id is not None

    def attach(self, notification: ObjectId, users: Sequence[ObjectId]) -> Attached:
        """Put the notification on the users' lists; return those who got it by this call and by no other.

        Anyone who has it meanwhile is left alone.
        """
        mark = {"notification": notification, "run": ObjectId()}
        entry = {"id": notification, "viewed": False, "read": False}
        change = {"$push": {"notifications": entry}, "$set": {MARK: mark}}
        changed = 0

        def push(some: Sequence[ObjectId]) -> int:
            pushed = self._users.update_many(self._with_list(some), change).modified_count
            if pushed < len(some):
                # The server pushes to no null, which counts as an empty list.
                null = {**self._pending(some), "notifications": {"$type": "null"}}
                if self._users.update_many(null, {"$set": {"notifications": []}}).modified_count:
                    pushed += self._users.update_many(self._with_list(some), change).modified_count
            return pushed

        def work(some: Sequence[ObjectId]) -> None:
            nonlocal changed
            changed += retry(self._deadline, lambda: push(some))

        skipped = divided(users, work)
        if changed == len(users):
            return Attached(users)
        # After an attempt that broke off, or beside another run, the marks say who got it by this call.
        ours = {"_id": {"$in": list(users)}, f"{MARK}.notification": notification, f"{MARK}.run": mark["run"]}
        found = retry(self._deadline, lambda: [user["_id"] for user in self._users.find(ours, {"_id": 1})])
        return Attached(found, len(skipped))

    def record_progress(self, after: Any) -> None:  # noqa: ANN401 - an _id may be of any type
        """Record that all up to this stats document is processed; a slower run cannot set it back."""
        with bounded(self._deadline):
            self._progress.update_one(self._record, {"$max": {"after": after}})

    def record_skipped(self) -> None:
        """Record that users were skipped, for the run that continues this one."""
        with bounded(self._deadline):
            self._deliveries.update_one(self._record, {"$set": {"skipped": True}})

    def record_finish(self, notification: ObjectId, now: datetime, *, skipped: bool) -> None:
        """Record that the period is delivered: no later run delivers it again, unless users were skipped."""
        finished = {"finishedAt": now, "skipped": skipped}
        adopted = {"notification": notification, "startedAt": now, "adopted": True}
        with bounded(self._deadline):
            self._deliveries.update_one(self._record, {"$set": finished, "$setOnInsert": adopted}, upsert=True)

    def _pending(self, users: Sequence[ObjectId]) -> Document:
        return {
            "_id": {"$in": list(users)},
            # Who has never chosen is shown the app's default, which is on.
            "$or": [{WANTED: True}, {WANTED: {"$exists": False}}],
            "notifications.id": {"$nin": list(self._held)},
            f"{MARK}.notification": {"$nin": list(self._held)},
        }

    def _with_list(self, users: Sequence[ObjectId]) -> Document:
        # One malformed user must not stop the update for everyone after him.
        is_list = {"$or": [{"notifications": {"$type": "array"}}, {"notifications": {"$exists": False}}]}
        return {**self._pending(users), "$and": [is_list]}
