"""What expires when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joytify_common.collections import CollectionNames


@dataclass(frozen=True)
class Policy:
    """How one collection ages.

    Attributes:
        collection: its name.
        date_field: dotted path of the date that decides.
    """

    collection: str
    date_field: str

    def expired(self, cutoff: datetime) -> dict[str, Any]:
        """Return the filter for documents whose date is a BSON date strictly before the cutoff.

        MongoDB compares a date with dates only, so strings, numbers and missing fields never match; but it looks
        into arrays, on every level of the path, and a document that holds an array there is left alone.
        """
        parents = self.date_field.split(".")[:-1]
        return {
            self.date_field: {"$lt": cutoff, "$not": {"$type": "array"}},
            **{parent: {"$not": {"$type": "array"}} for parent in parents},
        }

    def undated(self) -> dict[str, Any]:
        """Return the filter for documents without a BSON date in the date field: they are never deleted."""
        paths = [".".join(self.date_field.split(".")[: n + 1]) for n in range(self.date_field.count(".") + 1)]
        return {
            "$or": [{self.date_field: {"$not": {"$type": "date"}}}, *({path: {"$type": "array"}} for path in paths)]
        }

    def is_expired(self, cutoff: datetime) -> dict[str, Any]:
        """Return the same condition as `expired` as an aggregation expression."""
        return {"$and": [{"$not": [self.is_undated()]}, {"$lt": [f"${self.date_field}", cutoff]}]}

    def is_undated(self) -> dict[str, Any]:
        """Return the same condition as `undated` as an aggregation expression; an array on the way gives an array."""
        return {"$ne": [{"$type": f"${self.date_field}"}, "date"]}


def policies(names: CollectionNames) -> tuple[Policy, ...]:
    """Return the policies of a run, in the order in which they are carried out."""
    return (
        Policy(collection=names.playbacks, date_field="createdAt"),
        Policy(collection=names.sessions, date_field="status.lastActive"),
    )


def cutoff(now: datetime, days: int) -> datetime:
    """Return the moment before which a document is expired."""
    return now - timedelta(days=days)
