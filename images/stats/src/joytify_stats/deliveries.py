"""Gateway: which notification is a month's, and how far its delivery is (MongoDB).

The pipeline's own collection holds a document for each month. Of runs at the same time it decides which notification is
the month's, and it says where the next run starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument, WriteConcern
from pymongo.database import Database

from joytify_common.collections import CollectionNames
from joytify_common.deadline import Deadline
from joytify_common.ids import BEGINNING, CODEC
from joytify_common.mongo import Document, bounded
from joytify_stats.period import Period


@dataclass(frozen=True)
class DeliveryState:
    """How far the month's notification is.

    Attributes:
        notification: its `_id`; None if nobody has created it.
        held: `_id` of each notification that is the month's; a user who holds one of them has been notified.
        adopted: whether the notification was there before the first delivery.
        deleted: whether it has been deleted since.
        finished: whether every entitled user has been given it.
        has_skipped: whether users were skipped on the way.
        after: `_id` of the last stats document that was processed; MinKey if there is none.
    """

    notification: ObjectId | None = None
    held: tuple[Any, ...] = ()
    adopted: bool = False
    deleted: bool = False
    finished: bool = False
    has_skipped: bool = False
    after: Any = BEGINNING


class Deliveries:
    """The delivery of one month in one database; no call outlives the deadline.

    A notification of this kind that was created in the month after is the month's, whoever created it: the backend
    shows it with the statistics of that month.
    """

    def __init__(
        self, database: Database[Document], names: CollectionNames, period: Period, deadline: Deadline
    ) -> None:
        self._notifications = database.get_collection(names.notifications, codec_options=CODEC)
        self._records = database.get_collection(names.deliveries, codec_options=CODEC)
        # A progress that a failover takes back is only made again.
        self._progress = self._records.with_options(write_concern=WriteConcern(w=1))
        self._period = period
        self._id = {"_id": str(period)}
        self._deadline = deadline

    def state(self) -> DeliveryState:
        """Return how far the month's notification is."""
        # A list of times is none to the backend.
        shown = {"$gte": self._period.end, "$lt": self._period.shown_until, "$not": {"$type": "array"}}
        of_month = {"type": "monthlyStatistic", "createdAt": shown}
        with bounded(self._deadline):
            record = self._records.find_one(self._id) or {}
            found = self._notifications.find(of_month, {"_id": 1}).sort([("createdAt", 1), ("_id", 1)])
            held = [each["_id"] for each in found]
            recorded = record.get("notification")
            exists = recorded is not None and self._notifications.find_one({"_id": recorded}, {"_id": 1}) is not None
        # The app finds a notification by an ObjectId only.
        oldest = next((each for each in held if isinstance(each, ObjectId)), None)
        return DeliveryState(
            notification=oldest if recorded is None else recorded if exists else None,
            held=(*held, *(() if recorded is None else (recorded,))),
            adopted=oldest is not None if recorded is None else record.get("adopted", False),
            deleted=record.get("sent", False) and not exists,
            finished="finishedAt" in record,
            has_skipped=record.get("skipped", False),
            after=record.get("after", BEGINNING),
        )

    def create(self, adopted: ObjectId | None, created_at: datetime, now: datetime) -> tuple[ObjectId, bool]:
        """Create the month's notification unless it exists; return its `_id`, and whether this call created it.

        Args:
            adopted: `_id` of one that is there already, or None.
            created_at: its date.
            now: when the run began.
        """
        candidate = adopted or ObjectId()
        is_first = {"$eq": [{"$type": "$notification"}, "missing"]}
        decide = {
            "notification": {"$ifNull": ["$notification", candidate]},
            "adopted": {"$cond": [is_first, adopted is not None, "$adopted"]},
        }
        document = {"type": "monthlyStatistic", "createdAt": created_at, "updatedAt": now}
        with bounded(self._deadline):
            record = self._records.find_one_and_update(
                self._id, [{"$set": decide}], upsert=True, return_document=ReturnDocument.AFTER
            )
            identity: Any = (record or {"notification": candidate})["notification"]
            result = self._notifications.update_one({"_id": identity}, {"$setOnInsert": document}, upsert=True)
        return identity, result.upserted_id is not None

    def forget(self) -> None:
        """Forget a delivery whose notification has been deleted, so that another one is sent."""
        with bounded(self._deadline):
            found = self._records.find_one(self._id) or {}
            # Not one that another run has begun meanwhile.
            self._records.delete_one({**self._id, "notification": found.get("notification")})

    def restart(self) -> None:
        """Begin the walk over everyone anew, with the same notification."""
        with bounded(self._deadline):
            self._records.update_one(self._id, {"$unset": {"finishedAt": 1, "after": 1, "skipped": 1}})

    def record_progress(self, after: Any, *, sent: bool, skipped: bool) -> None:  # noqa: ANN401 - an _id may be of any type
        """Record that all up to this stats document is processed; a slower run cannot set the progress back.

        Args:
            after: `_id` of the document.
            sent: whether users got the notification; from then on its absence means that somebody has deleted it.
            skipped: whether users were skipped.
        """
        told = {name: True for name, is_so in (("sent", sent), ("skipped", skipped)) if is_so}
        change: Document = {"$max": {"after": after}, **({"$set": told} if told else {})}
        with bounded(self._deadline):
            self._progress.update_one(self._id, change, upsert=True)

    def built_until(self) -> Any:  # noqa: ANN401 - an _id may be of any type
        """Return the user until whom a run that is continued has built the statistics; MinKey for none."""
        with bounded(self._deadline):
            return (self._records.find_one(self._id) or {}).get("builtUntil", BEGINNING)

    def record_built(self, last: Any) -> None:  # noqa: ANN401 - an _id may be of any type
        """Record until which user the statistics are built."""
        with bounded(self._deadline):
            self._records.update_one(self._id, {"$set": {"builtUntil": last}}, upsert=True)

    def record_skipped(self) -> None:
        """Record that users were skipped before the walk."""
        with bounded(self._deadline):
            self._records.update_one(self._id, {"$set": {"skipped": True}}, upsert=True)

    def record_finish(self, notification: ObjectId, now: datetime) -> None:
        """Record that the walk has reached its end, and which notification everyone has."""
        finished = {"notification": notification, "sent": True, "finishedAt": now}
        with bounded(self._deadline):
            self._records.update_one(self._id, {"$set": finished}, upsert=True)
