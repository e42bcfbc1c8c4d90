"""Gateway: find the users who are entitled to the month's notification, and give it to them (MongoDB).

Entitled are users who have statistics for the month and have not opted out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo.database import Database
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from joytify_common.collections import CollectionNames
from joytify_common.deadline import Deadline
from joytify_common.errors import JobError, PermanentError
from joytify_common.ids import CODEC, compared
from joytify_common.mongo import Document, retry
from joytify_stats.failing_users import do_or_divide, log_skipped
from joytify_stats.period import Period

PREFERENCES = "userPreferences.notifications"
WANTED = f"{PREFERENCES}.monthlyStatistic"
NOT_NULL = {"$not": {"$type": "null"}}
# A user whose document lacks the field has the default of the backend's model (user.model.ts of JIAN11442/joytify-app),
# which is on; if a parent of the field is null, the default does not apply.
# From May to July 2025 the field had a plural name.
BY_DEFAULT = {
    WANTED: {"$exists": False},
    f"{WANTED}s": {"$ne": False},
    "userPreferences": NOT_NULL,
    PREFERENCES: NOT_NULL,
}
# Written with the notification: a user who removes the notification does not get it again from a retry.
# Mongoose ignores fields that it does not know.
MARK = "monthlyStatisticDelivery"
LISTS = {"array", "missing", "null"}


@dataclass(frozen=True)
class Page:
    """A group of users with statistics for the period, including users who have opted out.

    Attributes:
        users: ids of users with statistics for the period.
        last: `_id` of the last stats document read, of any BSON type; a continuation starts after
            it.
        skipped: number of stats documents whose `user` is not an ObjectId or whose `stats` is not a list.
    """

    users: Sequence[ObjectId]
    last: Any
    skipped: int = 0


@dataclass(frozen=True)
class Recipients:
    """The users returned by `pending` (who should get the notification) or by `attach` (who got it).

    Attributes:
        users: ids of these users.
        skipped: number of users who are entitled to it, but whose document cannot store it.
        refusal: error of the last user whose document MongoDB would not update; None if there was none.
        unknown: number of users for whom it is unknown whether they got it.
        failure: the error of the update, or of the query for the users who got it; None without errors.
    """

    users: Sequence[ObjectId]
    skipped: int = 0
    refusal: PermanentError | None = None
    unknown: int = 0
    failure: JobError | None = None


class Audience:
    """The users of one database with statistics for one period, and the period's notification in their lists.

    Calls end at most a few seconds after the deadline.
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
        # Only this long read may go to a secondary: if its result is stale, the filter of the
        # update still prevents a second notification.
        self._stats = database.get_collection(names.stats, codec_options=CODEC, read_preference=preference)
        self._users = database[names.users]
        self._period = period
        self._deadline = deadline

    def next_page(self, after: Any, size: int) -> Page | None:  # noqa: ANN401 - an _id may be of any type
        """Return the next part of the audience in the order of the stats documents' `_id`, or None after the last.

        Args:
            after: `_id` of the last stats document of the previous part; MinKey for the first part.
            size: maximum number of stats documents in the part.
        """
        in_period = {"createdAt": {"$gte": self._period.start, "$lt": self._period.end}}
        is_readable = {"$and": [{"$eq": [{"$type": "$user"}, "objectId"]}, {"$isArray": "$stats"}]}
        # A document whose `stats` is not a list does not show its month, so it is counted as skipped.
        unreadable = {"stats": {"$exists": True, "$not": {"$type": ["array", "null"]}}}
        # The server groups the ids: one list costs the client half as much as a document per user.
        pipeline: list[Document] = [
            {"$match": {"$or": [{"stats": {"$elemMatch": in_period}}, unreadable], "$expr": compared("$gt", after)}},
            {"$sort": {"_id": 1}},
            {"$limit": size},
            {
                "$group": {
                    "_id": None,
                    "users": {"$push": {"$cond": [is_readable, "$user", "$$REMOVE"]}},
                    "odd": {"$push": {"$cond": [is_readable, "$$REMOVE", "$_id"]}},
                    "last": {"$last": "$_id"},
                }
            },
        ]
        found = retry(self._deadline, lambda: next(self._stats.aggregate(pipeline, hint="_id_"), None))
        if found is None:
            return None
        log_skipped("stats documents whose user is not an ObjectId or whose stats are not a list", found["odd"])
        return Page(users=list(dict.fromkeys(found["users"])), last=found["last"], skipped=len(found["odd"]))

    def pending(self, users: Sequence[ObjectId], held: Sequence[Any]) -> Recipients:
        """Return the users who want the notification and do not have it yet.

        Args:
            users: ids of the users to check.
            held: ids of all notifications that count as the month's notification.
        """
        by_type: Document = {"_id": {"$type": "$notifications"}, "ids": {"$push": "$_id"}}
        query = {"_id": {"$in": list(users)}, "$or": [{WANTED: True}, BY_DEFAULT], **_lacking(held)}
        pipeline: list[Document] = [{"$match": query}, {"$group": by_type}]
        found = retry(self._deadline, lambda: list(self._users.aggregate(pipeline)))
        lists = [user for group in found if group["_id"] in LISTS for user in group["ids"]]
        odd = [user for group in found if group["_id"] not in LISTS for user in group["ids"]]
        log_skipped("users whose notifications are not a list", odd)
        return Recipients(lists, len(odd))

    def attach(self, notification: ObjectId, users: Sequence[ObjectId], held: Sequence[Any]) -> Recipients:
        """Add the notification to the users' lists; return the users who got it by this call.

        Users who got it in the meantime are left alone. An error is returned together with the
        users who got it before the error.

        Args:
            notification: `_id` of the notification.
            users: ids of the users to give it to.
            held: as with `pending`.
        """
        mark = {"notification": notification, "run": ObjectId()}
        entry = {"id": notification, "viewed": False, "read": False}
        change = {"$push": {"notifications": entry}, "$set": {MARK: mark}}
        changed = 0

        def add(some: Sequence[ObjectId]) -> int:
            lacking = {"_id": {"$in": list(some)}, **_lacking((*held, notification))}
            # One malformed user document must not stop the update for the users after it.
            with_list = {**lacking, "notifications": {"$type": "array"}}
            pushed = self._users.update_many(with_list, change).modified_count
            if pushed < len(some):
                # Some lists may be null or missing; make them empty lists, so that `with_list` selects them.
                empty: Document = {"$set": {"notifications": []}}
                if self._users.update_many({**lacking, "notifications": None}, empty).modified_count:
                    pushed += self._users.update_many(with_list, change).modified_count
            return pushed

        def work(some: Sequence[ObjectId]) -> None:
            nonlocal changed
            changed += retry(self._deadline, lambda: add(some))

        failure, skipped, refusal = None, 0, None
        try:
            refused = do_or_divide(users, work)
            skipped, refusal = len(refused.users), refused.error
        except JobError as exc:
            failure = exc
        if changed == len(users):
            return Recipients(users)
        # If an attempt was interrupted or another run works on the same users, the marks show which
        # users got the notification from this call.
        ours = {"_id": {"$in": list(users)}, f"{MARK}.notification": notification, f"{MARK}.run": mark["run"]}
        try:
            found = retry(self._deadline, lambda: [user["_id"] for user in self._users.find(ours, {"_id": 1})])
        except JobError as exc:
            return Recipients([], skipped, refusal, unknown=len(users), failure=failure or exc)
        return Recipients(found, skipped, refusal, failure=failure)

    def unviewed(self, notification: ObjectId, after: Any, size: int) -> list[ObjectId]:  # noqa: ANN401 - an _id may be of any type
        """Return the next users, in the order of their `_id`, who have the notification and have not viewed it.

        Args:
            notification: its `_id`.
            after: `_id` of the last user before them; MinKey for the beginning.
            size: maximum number of users.
        """
        held = {"notifications": {"$elemMatch": {"id": notification, "viewed": False}}}
        query = {"_id": {"$type": "objectId"}, **held, "$expr": compared("$gt", after)}
        pipeline: list[Document] = [
            {"$match": query},
            {"$sort": {"_id": 1}},
            {"$limit": size},
            {"$project": {"_id": 1}},
        ]
        found = retry(self._deadline, lambda: list(self._users.aggregate(pipeline, hint="_id_")))
        return [user["_id"] for user in found]

    def has_anyone(self, notification: ObjectId) -> bool:
        """Return whether any user has the notification."""
        held = {"notifications.id": notification}
        return retry(self._deadline, lambda: self._users.find_one(held, {"_id": 1})) is not None


def _lacking(held: Sequence[Any]) -> Document:
    return {"notifications.id": {"$nin": list(held)}, f"{MARK}.notification": {"$nin": list(held)}}
