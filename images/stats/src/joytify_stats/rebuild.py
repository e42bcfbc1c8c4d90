"""Gateway: builds the users' statistics of a month from their plays, on the server (MongoDB).

The server reads a user's plays by the index on `user`, adds them up and writes the element; nothing but the number of a
chunk's users comes here. An element that the backend wrote stays, unless it is to be replaced: the condition is checked
with the write. Only a user's first document can be made twice, if the backend makes it within the same milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bson import ObjectId
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name

from joytify_common.errors import ConfigError
from joytify_common.mongo import Document, bounded, retry, within
from joytify_stats.elements import element
from joytify_stats.stages import differences_in, kept_of, played_of, written_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pymongo.collection import Collection
    from pymongo.database import Database

    from joytify_common.collections import CollectionNames
    from joytify_common.deadline import Deadline
    from joytify_stats.period import Period
    from joytify_stats.stages import WithoutDocument

# The most that a run which is killed has to do again.
CHUNK_USERS = 500
CALL_SECONDS = 300.0
# What a comparison shows of those that disagree.
EXAMPLES = 5
PARTS = ("songs", "artists", "peakHour", "summary")

T = TypeVar("T")


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
        with bounded(self._deadline), within(CALL_SECONDS):
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
        differences = differences_in(PARTS, EXAMPLES)
        for chunk in self._chunks(after):
            pipeline = [*self._computed(chunk, only_missing=False), *differences]
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

        def find() -> list[ObjectId]:
            found = self._users.find(query, {"_id": 1}).hint("_id_").sort("_id", 1).limit(CHUNK_USERS)
            return [user["_id"] for user in found]

        return self._retried(find)

    def _aggregate(self, users: Collection[Document], pipeline: list[Document]) -> list[Document]:
        # Written twice, an element is the same.
        return self._retried(lambda: list(users.aggregate(pipeline)))

    def _retried(self, call: Callable[[], T]) -> T:
        """Return what the call returns; each attempt is bounded too, since a person at a terminal has no deadline."""

        def timed() -> T:
            with within(CALL_SECONDS):
                return call()

        return retry(self._deadline, timed)

    def _computed(self, chunk: list[ObjectId], *, only_missing: bool) -> list[Document]:
        """Return the stages that give each user with plays `_id`, `own` (the element that is there) and `element`."""
        return [
            {"$match": {"_id": {"$gte": chunk[0], "$lte": chunk[-1]}}},
            {"$project": {"_id": 1}},
            *kept_of(self._names.stats, self._period),
            *([{"$match": {"own": None}}] if only_missing else []),
            *played_of(self._names.playbacks, self._names.musicians, self._period),
            {"$project": {"own": 1, "document": "$document._id", "element": element(self._period)}},
        ]

    def _written(self, without_document: WithoutDocument) -> list[Document]:
        return written_to(self._names.stats, self._period, replace=self._replace, without_document=without_document)
