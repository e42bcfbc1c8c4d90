"""The retention policies: one for each collection that cleanup deletes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from joytify_common.mongo import Document

# A collection that cleanup deletes from, by its name without the test-mode prefix.
Kind = Literal["playbacks", "sessions"]
# The app wrote no documents before this date; an earlier date is a default or in a wrong unit.
EARLIEST_DATE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Policy:
    """The rule by which documents of one collection expire.

    Attributes:
        date_field: dotted path of the date that is compared with the cutoff.
        old_schema_fields: fields that only documents of an older schema have; a document with one is left alone.
        ends_field: field with the time until which a document is in use, whatever its date; empty
            if the collection has no such field.
    """

    date_field: str
    old_schema_fields: tuple[str, ...] = ()
    ends_field: str = ""

    def undated(self) -> Document:
        """Return the filter for documents without a BSON date in the date field."""
        return {"$nor": [self._dated()]}

    def usual(self) -> Document:
        """Return the filter for documents of the current schema with a plausible date."""
        names = [{name: {"$exists": False}} for name in self.old_schema_fields]
        return {
            "$and": [self._dated(), {self.date_field: {"$gte": EARLIEST_DATE}}, *names, self._without_repeated_fields()]
        }

    def expired(self, *, now: datetime, cutoff: datetime) -> Document:
        """Return the filter for expired documents; this condition is defined nowhere else.

        MongoDB compares a date only with dates, but also matches elements of arrays, so documents
        with an array on the path to the date are excluded.
        """
        conditions: list[Document] = [{self.date_field: {"$lt": cutoff}}, self.usual()]
        if self.ends_field:
            single = {"$not": {"$type": "array"}}
            ended = {self.ends_field: {"$lt": now, **single}}
            conditions.append({"$or": [ended, {self.ends_field: {"$eq": None, **single}}]})
        return {"$and": conditions}

    def _dated(self) -> Document:
        names = self.date_field.split(".")
        paths = [".".join(names[: count + 1]) for count in range(len(names))]
        return {
            "$and": [{self.date_field: {"$type": "date"}}, *({path: {"$not": {"$type": "array"}}} for path in paths)]
        }

    def _without_repeated_fields(self) -> Document:
        """Return the filter for documents without repeated field names.

        Of two fields with the same name, the server reads only the first.
        """
        parents = self.date_field.split(".")[:-1]
        paths = ["$$ROOT", *("$" + ".".join(parents[: count + 1]) for count in range(len(parents)))]
        return {"$expr": {"$and": [_same_size_condition(path) for path in paths]}}


def _same_size_condition(path: str) -> Document:
    """Return the condition that a document keeps its size when repeated fields are removed."""
    same = {"$eq": [{"$bsonSize": path}, {"$bsonSize": {"$mergeObjects": [{}, path]}}]}
    return same if path == "$$ROOT" else {"$cond": [{"$eq": [{"$type": path}, "object"]}, same, False]}


# The policy of each collection, in the order in which a run cleans up.
POLICIES: dict[Kind, Policy] = {
    # Until July 2025 the app kept one document per user, with a list of songs and the time of the first play.
    "playbacks": Policy("createdAt", old_schema_fields=("songs",)),
    "sessions": Policy("status.lastActive", ends_field="expiresAt"),
}


def cutoff(now: datetime, days: int) -> datetime:
    """Return the moment before which a document is expired."""
    return now - timedelta(days=days)
