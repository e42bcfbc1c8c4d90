"""Gateway: the record of each month's delivery, with its notification and progress (MongoDB).

The pipeline's own collection has one document per month. It makes concurrent runs agree on the
month's notification, and stores where the next run starts.
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
from joytify_common.mongo import Document, within_deadline
from joytify_stats.period import Period


@dataclass(frozen=True)
class DeliveryProgress:
    """The state of a month's delivery.

    Attributes:
        notification: `_id` of the notification; None if it does not exist.
        held: ids of all notifications that count as the month's; a user with any of them was
            notified.
        adopted: whether the notification existed before the first delivery.
        deleted: whether the notification was deleted after it had been sent.
        finished: whether every entitled user has got the notification, or was skipped.
        has_skipped: whether users were skipped during the delivery.
        after: `_id` of the last stats document that was processed; MinKey if there is none.
    """

    notification: ObjectId | None = None
    held: tuple[Any, ...] = ()
    adopted: bool = False
    deleted: bool = False
    finished: bool = False
    has_skipped: bool = False
    after: Any = BEGINNING


class DeliveryRecord:
    """The delivery of one month in one database; calls end at most a few seconds after the deadline.

    A notification of type `monthlyStatistic` that was created in the following month counts as the
    month's notification, whoever created it, because the backend shows it with the statistics of the month.
    """

    def __init__(
        self, database: Database[Document], names: CollectionNames, period: Period, deadline: Deadline
    ) -> None:
        self._notifications = database.get_collection(names.notifications, codec_options=CODEC)
        self._records = database.get_collection(names.deliveries, codec_options=CODEC)
        # A failover may roll this progress back; then some work is repeated, which is harmless.
        self._progress = self._records.with_options(write_concern=WriteConcern(w=1))
        self._period = period
        self._id = {"_id": str(period)}
        self._deadline = deadline

    def state(self) -> DeliveryProgress:
        """Return the state of the month's delivery."""
        # A range also matches an array of times, which the backend does not treat as a time.
        shown = {"$gte": self._period.end, "$lt": self._period.shown_until, "$not": {"$type": "array"}}
        of_month = {"type": "monthlyStatistic", "createdAt": shown}
        with within_deadline(self._deadline):
            record = self._records.find_one(self._id) or {}
            found = self._notifications.find(of_month, {"_id": 1}).sort([("createdAt", 1), ("_id", 1)])
            held = [each["_id"] for each in found]
            recorded = record.get("notification")
            exists = recorded is not None and self._notifications.find_one({"_id": recorded}, {"_id": 1}) is not None
        # The app finds a notification by an ObjectId only.
        oldest = next((each for each in held if isinstance(each, ObjectId)), None)
        return DeliveryProgress(
            notification=oldest if recorded is None else recorded if exists else None,
            held=(*held, *(() if recorded is None else (recorded,))),
            adopted=oldest is not None if recorded is None else record.get("adopted", False),
            deleted=record.get("sent", False) and not exists,
            finished="finishedAt" in record,
            has_skipped=record.get("skipped", False),
            after=record.get("after", BEGINNING),
        )

    def create(self, existing: ObjectId | None, created_at: datetime, now: datetime) -> ObjectId:
        """Create the month's notification unless it exists; return its `_id`.

        Args:
            existing: `_id` of an existing notification to use, or None.
            created_at: `createdAt` of a new notification.
            now: when the run began.
        """
        candidate = existing or ObjectId()
        is_first = {"$eq": [{"$type": "$notification"}, "missing"]}
        decide = {
            "notification": {"$ifNull": ["$notification", candidate]},
            "adopted": {"$cond": [is_first, existing is not None, "$adopted"]},
        }
        document = {"type": "monthlyStatistic", "createdAt": created_at, "updatedAt": now}
        with within_deadline(self._deadline):
            record = self._records.find_one_and_update(
                self._id, [{"$set": decide}], upsert=True, return_document=ReturnDocument.AFTER
            )
            identity: Any = (record or {"notification": candidate})["notification"]
            self._notifications.update_one({"_id": identity}, {"$setOnInsert": document}, upsert=True)
        return ObjectId(identity)

    def forget(self) -> None:
        """Delete the record of a delivery whose notification has been deleted, so that another notification is sent."""
        with within_deadline(self._deadline):
            found = self._records.find_one(self._id) or {}
            # Keep a delivery that another run has started in the meantime.
            self._records.delete_one({**self._id, "notification": found.get("notification")})

    def restart(self) -> None:
        """Restart the delivery from the first user, with the same notification."""
        with within_deadline(self._deadline):
            self._records.update_one(self._id, {"$unset": {"finishedAt": 1, "after": 1, "skipped": 1}})

    def record_progress(self, after: Any, *, sent: bool, skipped: bool) -> None:  # noqa: ANN401 - an _id may be of any type
        """Record that stats documents up to `after` are processed; progress never goes backwards.

        Args:
            after: `_id` of the document.
            sent: whether users got the notification. If the notification is missing later, this shows that it was
                deleted.
            skipped: whether users were skipped.
        """
        changes = {name: True for name, is_so in (("sent", sent), ("skipped", skipped)) if is_so}
        change: Document = {"$max": {"after": after}, **({"$set": changes} if changes else {})}
        with within_deadline(self._deadline):
            self._progress.update_one(self._id, change, upsert=True)

    def built_until(self) -> Any:  # noqa: ANN401 - an _id may be of any type
        """Return the last user whom the previous run examined to build statistics; MinKey if there is none."""
        with within_deadline(self._deadline):
            return (self._records.find_one(self._id) or {}).get("builtUntil", BEGINNING)

    def record_built(self, last: Any) -> None:  # noqa: ANN401 - an _id may be of any type
        """Record the last user who has been examined to build statistics."""
        self._set(builtUntil=last)

    def record_skipped(self) -> None:
        """Record that users were skipped before the delivery, while statistics were built."""
        self._set(skipped=True)

    def record_finish(self, notification: ObjectId, now: datetime) -> None:
        """Record that the delivery is complete, and which notification was delivered."""
        self._set(notification=notification, sent=True, finishedAt=now)

    def _set(self, **fields: object) -> None:
        with within_deadline(self._deadline):
            self._records.update_one(self._id, {"$set": fields}, upsert=True)
