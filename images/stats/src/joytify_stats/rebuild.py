"""Gateway: builds the users' statistics of a month from their plays, on the server (MongoDB).

The server reads a user's plays by the index on `user`, adds them up and writes the element; nothing but the number of a
chunk's users comes here. An element that the backend wrote stays, unless it is to be replaced: the condition is checked
with the write. Only a user's first document can be made twice, if the backend makes it within the same milliseconds.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bson import ObjectId
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from joytify_common.errors import ConfigError
from joytify_common.mongo import Document, attempts, bounded, within
from joytify_stats.elements import element, plays_of
from joytify_stats.period import month_before

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymongo.collection import Collection
    from pymongo.database import Database

    from joytify_common.collections import CollectionNames
    from joytify_common.deadline import Deadline
    from joytify_stats.period import Period

# The most that a run which is killed has to do again.
CHUNK_USERS = 500
CALL_SECONDS = 300.0
# What a comparison shows of those that disagree.
EXAMPLES = 5
PARTS = ("songs", "artists", "peakHour", "summary")


@dataclass(frozen=True)
class Built:
    """A chunk of users whose elements have been built.

    Attributes:
        users: how many were looked at, whether they have plays or not.
        last: `_id` of the last of them; what goes on starts after it.
    """

    users: int
    last: ObjectId


@dataclass(frozen=True)
class Compared:
    """A chunk of users whose elements were held against their plays, in numbers of users.

    Attributes:
        looked_at: all of them.
        users: those with plays in the month.
        missing: those of them without an element.
        differing: those whose element says otherwise, by the part of it.
        examples: ids of some of them.
        last: as in `Built`.
    """

    looked_at: int
    users: int
    missing: int
    differing: dict[str, int]
    examples: tuple[ObjectId, ...]
    last: ObjectId


class Rebuild:
    """The statistics of one month in one database; no call outlives the deadline."""

    def __init__(
        self,
        database: Database[Document],
        names: CollectionNames,
        period: Period,
        *,
        replace: bool,
        read_preference: str,
        deadline: Deadline,
    ) -> None:
        preference = make_read_preference(read_pref_mode_from_name(read_preference), tag_sets=None)
        self._users: Collection[Document] = database.get_collection(names.users, read_preference=preference)
        self._on_primary = database[names.users]
        self._is_elsewhere = read_preference != "primary"
        self._playbacks = database[names.playbacks]
        self._names = names
        self._period = period
        self._replace = replace
        self._deadline = deadline

    def check(self) -> None:
        """Look whether the month can be built at all.

        Raises:
            ConfigError: there is no index, and every user's plays would cost a look at everybody's; or cleanup has
                deleted plays of the month, and the sums would be too small.
            JobError: the database is unavailable.
        """
        with self._bounded():
            indexes = self._playbacks.index_information()
            made_before = {"_id": {"$lt": ObjectId.from_datetime(self._period.start)}}
            played_before = {**made_before, "createdAt": {"$lt": self._period.start}}
            is_whole = self._playbacks.find_one(played_before, {"_id": 1}) is not None
            is_new = self._on_primary.find_one(made_before, {"_id": 1}) is None
        if not any(index["key"][0][0] == "user" for index in indexes.values()):
            raise ConfigError(
                f"{self._names.playbacks}: an index on user is needed to build statistics from plays "
                "(joytify data indexes create playbacks.user)"
            )
        if not is_whole and not is_new:
            raise ConfigError(
                f"{self._names.playbacks} holds no play from before {self._period}: plays of that month may have been "
                "deleted with them, and what is left would make sums that are too small"
            )

    def build(self, after: ObjectId | None) -> Iterator[Built]:
        """Build the elements of one chunk of users after another; a chunk is written when it is yielded."""
        for chunk in self._chunks(after):
            if self._is_elsewhere:
                # A secondary may not know of a user's document yet: it adds to those that it finds, and makes none.
                computed = self._computed(chunk, only_missing=not self._replace)
                self._aggregate(self._users, [*computed, *self._written("discard")])
            only_missing = self._is_elsewhere or not self._replace
            computed = self._computed(chunk, only_missing=only_missing)
            self._aggregate(self._on_primary, [*computed, *self._written("insert")])
            yield Built(len(chunk), chunk[-1])

    def compare(self, after: ObjectId | None) -> Iterator[Compared]:
        """Hold the elements of one chunk of users after another against their plays; nothing is written."""
        for chunk in self._chunks(after):
            differs = {part: {"$ne": [f"$own.{part}", f"$element.{part}"]} for part in PARTS}
            has_own = {"$gt": ["$own", None]}
            counts = {part: {"$sum": {"$cond": [{"$and": [has_own, each]}, 1, 0]}} for part, each in differs.items()}
            example = {"$cond": [{"$and": [has_own, {"$or": list(differs.values())}]}, "$_id", "$$REMOVE"]}
            summed = {
                "$group": {
                    "_id": None,
                    "users": {"$sum": 1},
                    "missing": {"$sum": {"$cond": [has_own, 0, 1]}},
                    **counts,
                    "examples": {"$push": example},
                }
            }
            shown = {"$set": {"examples": {"$slice": ["$examples", EXAMPLES]}}}
            pipeline = [*self._computed(chunk, only_missing=False), summed, shown]
            found = next(iter(self._aggregate(self._users, pipeline)), {})
            yield Compared(
                looked_at=len(chunk),
                users=found.get("users", 0),
                missing=found.get("missing", 0),
                differing={part: found.get(part, 0) for part in PARTS},
                examples=tuple(found.get("examples", ())),
                last=chunk[-1],
            )

    def _chunks(self, after: ObjectId | None) -> Iterator[list[ObjectId]]:
        while chunk := self._next_users(after):
            yield chunk
            after = chunk[-1]

    def _next_users(self, after: ObjectId | None) -> list[ObjectId]:
        query: Document = {} if after is None else {"_id": {"$gt": after}}
        for attempt in attempts(self._deadline):
            with attempt, self._bounded():
                found = self._users.find(query, {"_id": 1}).hint("_id_").sort("_id", 1).limit(CHUNK_USERS)
                return [user["_id"] for user in found]
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _aggregate(self, users: Collection[Document], pipeline: list[Document]) -> list[Document]:
        # Written twice, an element is the same.
        for attempt in attempts(self._deadline):
            with attempt, self._bounded():
                return list(users.aggregate(pipeline))
        raise AssertionError("unreachable: the last attempt returns or raises")

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Bound the calls in the block by the deadline, and by what a chunk may take: a person has no deadline."""
        with bounded(self._deadline), within(CALL_SECONDS):
            yield

    def _computed(self, chunk: list[ObjectId], *, only_missing: bool) -> list[Document]:
        """Return the stages that give each user with plays `_id`, `own` (the element that is there) and `element`."""
        names, month, before = self._names, self._period, month_before(self._period)
        stages: list[Document] = [
            {"$match": {"_id": {"$gte": chunk[0], "$lte": chunk[-1]}}},
            {"$project": {"_id": 1}},
            {
                "$lookup": {
                    "from": names.stats,
                    "localField": "_id",
                    "foreignField": "user",
                    "pipeline": [{"$project": {"own": _of(month), "before": _of(before)}}, {"$sort": {"_id": 1}}],
                    "as": "kept",
                }
            },
            {
                "$project": {
                    "own": {"$first": {"$filter": {"input": "$kept.own", "cond": {"$gt": ["$$this", None]}}}},
                    "before": {"$max": "$kept.before.summary.totalDuration"},
                    # Where the element is, else where the user's others are.
                    "document": {
                        "$first": {
                            "$concatArrays": [
                                {"$filter": {"input": "$kept", "cond": {"$gt": ["$$this.own", None]}}},
                                "$kept",
                            ]
                        }
                    },
                }
            },
        ]
        if only_missing:
            stages.append({"$match": {"own": None}})
        return [
            *stages,
            {
                "$lookup": {
                    "from": names.playbacks,
                    "localField": "_id",
                    "foreignField": "user",
                    "pipeline": plays_of(month),
                    "as": "played",
                }
            },
            {"$set": {"played": {"$first": "$played"}}},
            {"$match": {"played.total.0": {"$exists": True}}},
            {"$set": {"top": {"$first": "$played.artists._id"}}},
            {
                "$lookup": {
                    "from": names.musicians,
                    "localField": "top",
                    "foreignField": "_id",
                    "pipeline": [{"$project": {"name": 1}}],
                    "as": "musician",
                }
            },
            {"$project": {"own": 1, "document": "$document._id", "element": element(month)}},
        ]

    def _written(self, without_document: Literal["insert", "discard"]) -> list[Document]:
        """Return the stages that write each user's element into the document that is there now.

        Args:
            without_document: whether a user without one gets one.
        """
        in_month = _in("$$this", self._period)
        held = {"$ifNull": ["$stats", []]}
        others = {"$filter": {"input": held, "cond": {"$not": in_month}}}
        is_there = {"$ne": [{"$filter": {"input": held, "cond": in_month}}, []]}
        with_new = {"$sortArray": {"input": {"$concatArrays": [others, "$$new.stats"]}, "sortBy": {"createdAt": 1}}}
        # By the document as it is when it is written: the backend may have added the element meanwhile.
        stays = is_there if not self._replace else False
        changed = {
            "stats": {"$cond": [stays, "$stats", with_new]},
            "updatedAt": {"$cond": [stays, "$updatedAt", "$$NOW"]},
        }
        return [
            {
                "$project": {
                    # A new one is the same however often it is made.
                    "_id": {"$ifNull": ["$document", "$_id"]},
                    "user": "$_id",
                    "stats": ["$element"],
                    "createdAt": "$$NOW",
                    "updatedAt": "$$NOW",
                }
            },
            {
                "$merge": {
                    "into": self._names.stats,
                    "on": "_id",
                    "whenMatched": [{"$set": changed}],
                    "whenNotMatched": without_document,
                }
            },
        ]


def _in(each: str, period: Period) -> Document:
    return {"$and": [{"$gte": [f"{each}.createdAt", period.start]}, {"$lt": [f"{each}.createdAt", period.end]}]}


def _of(period: Period) -> Document:
    """Return the expression of the element of a month in `stats`; missing if there is none."""
    return {"$first": {"$filter": {"input": "$stats", "cond": _in("$$this", period)}}}
