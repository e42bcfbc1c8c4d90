"""What expires when: one entry for each collection that cleanup deletes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Document = dict[str, Any]
# No app wrote a document before; an earlier date is a default or a wrong unit.
EARLIEST_DATE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Times:
    """The clock of a run, or of a sequence of runs.

    Attributes:
        now: documents that are in use until a later time are not deleted.
        cutoff: documents with an earlier date are expired.
    """

    now: datetime
    cutoff: datetime


@dataclass(frozen=True)
class Policy:
    """How the documents of one collection age.

    Attributes:
        date_field: dotted path of the date that decides.
        absent: fields of documents in another shape, which are left alone.
        ends_field: field with the time until which a document is in use, whatever its date; empty if there is none.
    """

    date_field: str
    absent: tuple[str, ...] = ()
    ends_field: str = ""

    def undated(self) -> Document:
        """Return the filter for documents without a BSON date in the date field."""
        return {"$nor": [self._dated()]}

    def usual(self) -> Document:
        """Return the filter for documents in the current shape: with a plausible date, and no field twice."""
        names = [{name: {"$exists": False}} for name in self.absent]
        return {"$and": [self._dated(), {self.date_field: {"$gte": EARLIEST_DATE}}, *names, self._without_doubles()]}

    def expired(self, times: Times) -> Document:
        """Return the filter for expired documents; it is the only form of this condition.

        MongoDB compares a date with dates only, but looks into arrays, so arrays on the way to the date are excluded.
        """
        conditions: list[Document] = [{self.date_field: {"$lt": times.cutoff}}, self.usual()]
        if self.ends_field:
            single = {"$not": {"$type": "array"}}
            ended = {self.ends_field: {"$lt": times.now, **single}}
            conditions.append({"$or": [ended, {self.ends_field: {"$eq": None, **single}}]})
        return {"$and": conditions}

    def _dated(self) -> Document:
        names = self.date_field.split(".")
        paths = [".".join(names[: count + 1]) for count in range(len(names))]
        return {
            "$and": [{self.date_field: {"$type": "date"}}, *({path: {"$not": {"$type": "array"}}} for path in paths)]
        }

    def _without_doubles(self) -> Document:
        """Return the filter for documents without two fields of one name, of which the server reads only the first."""
        parents = self.date_field.split(".")[:-1]
        paths = ["$$ROOT", *("$" + ".".join(parents[: count + 1]) for count in range(len(parents)))]
        return {"$expr": {"$and": [_is_same_size(path) for path in paths]}}


def _is_same_size(path: str) -> Document:
    """Return the condition that an embedded document is as large as its fields without doubles."""
    same = {"$eq": [{"$bsonSize": path}, {"$bsonSize": {"$mergeObjects": [{}, path]}}]}
    return same if path == "$$ROOT" else {"$cond": [{"$eq": [{"$type": path}, "object"]}, same, False]}


# By the collections' names without the prefix of a test run, in the order in which a run cleans them.
POLICIES: dict[str, Policy] = {
    # Until July 2025 the app kept one document per user, with a list of songs and the time of the first play.
    "playbacks": Policy("createdAt", absent=("songs",)),
    "sessions": Policy("status.lastActive", ends_field="expiresAt"),
}


def cutoff(now: datetime, days: int) -> datetime:
    """Return the moment before which a document is expired."""
    return now - timedelta(days=days)
