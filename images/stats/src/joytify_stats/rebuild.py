"""Gateway: builds the users' statistics of a month from their plays (MongoDB).

The server reads a user's plays by the index on `user` and adds them up; what comes here is written as it came. An
element that the backend wrote stays, unless it is to be replaced: the condition is checked with the write. Only a
user's first document can be made twice, if the backend makes it within the same milliseconds.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from loguru import logger
from pymongo import ReadPreference, UpdateOne
from pymongo.errors import BulkWriteError

from joytify_common.errors import ConfigError, TransientError
from joytify_common.ids import BEGINNING, CODEC, behind, key_of
from joytify_common.indexes import index_on
from joytify_common.mongo import Document, bounded, retry, within
from joytify_common.mongo_refusals import TRANSIENT_CODES
from joytify_stats.divided import divided
from joytify_stats.elements import element
from joytify_stats.stages import change_to, differences_in, kept_of, played_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pymongo.collection import Collection
    from pymongo.database import Database

    from joytify_common.collections import CollectionNames
    from joytify_common.deadline import Deadline
    from joytify_stats.period import Period

# The most that a run which is killed has to do again.
CHUNK_USERS = 500
# One's writes are another's reads.
AT_ONCE = 2
# What is written by one command.
WRITE_BYTES = 8 * 1024 * 1024
CALL_SECONDS = 290.0
# The backend created a document at the same moment; the next attempt finds it.
DUPLICATE_KEY = 11000
ATTEMPTS = 3
# What a comparison shows of those that disagree.
EXAMPLES = 5
PARTS = ("songs", "artists", "peakHour", "summary")

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Built:
    """Users whose elements have been built.

    Attributes:
        users: how many were looked at, whether they have plays or not.
        written: elements that were written.
        users_skipped: users whose documents could not be read or written.
        plays_skipped: documents of the month that are no play as the backend's model has it, and were left out.
        last: `_id` of the last of the users; what goes on starts behind it.
        is_done: whether nobody comes behind it.
    """

    users: int = 0
    written: int = 0
    users_skipped: int = 0
    plays_skipped: int = 0
    last: Any = BEGINNING
    is_done: bool = False

    def plus(self, chunk: Built) -> Built:
        """Return the sums with the chunk behind."""
        names = ("users", "written", "users_skipped", "plays_skipped")
        return replace(chunk, **{name: getattr(self, name) + getattr(chunk, name) for name in names})


@dataclass(frozen=True)
class Compared:
    """A chunk of users whose elements were compared with their plays, in numbers of users.

    Attributes:
        looked_at: all of them.
        users: those with plays in the month.
        missing: those of them without an element.
        differing: those whose element says otherwise, by the part of it.
        examples: ids of some of them.
        skipped: those whose documents could not be read.
    """

    looked_at: int
    users: int
    missing: int
    differing: dict[str, int]
    examples: tuple[Any, ...]
    skipped: int


@dataclass
class _Tally:
    """What has been done for a chunk, by `key_of` its users, however often parts of it are tried again."""

    done: set[bytes] = field(default_factory=set)
    written: int = 0
    skipped: set[bytes] = field(default_factory=set)
    odd_plays: dict[bytes, int] = field(default_factory=dict)

    def skip(self, user: object, why: str) -> None:
        logger.warning("user skipped", user=str(user), error=why)
        self.skipped.add(key_of(user))


class Rebuild:
    """The statistics of one month in one database; no call outlives the deadline."""

    def __init__(
        self, database: Database[Document], names: CollectionNames, period: Period, *, replace: bool, deadline: Deadline
    ) -> None:
        # A stale answer would be written as the user's sum, whatever the connection string says.
        primary = database.with_options(codec_options=CODEC, read_preference=ReadPreference.PRIMARY)
        self._users = primary[names.users]
        raw = CODEC.with_options(document_class=RawBSONDocument)
        self._raw_users: Collection[Any] = primary.get_collection(names.users, codec_options=raw)
        self._stats = primary[names.stats]
        self._playbacks = primary[names.playbacks]
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
            index = index_on(self._playbacks, "user")
            made_before = {"_id": {"$lt": ObjectId.from_datetime(self._period.start)}}
            played_before = {**made_before, "createdAt": {"$lt": self._period.start}}
            is_whole = self._playbacks.find_one(played_before, {"_id": 1}) is not None
            is_new = self._users.find_one(made_before, {"_id": 1}) is None
        if index is None:
            raise ConfigError(
                f"{self._names.playbacks}: an index on user is needed to build statistics from plays, "
                "neither hidden nor partial (joytify data indexes create playbacks.user)"
            )
        if not is_whole and not is_new:
            raise ConfigError(
                f"{self._names.playbacks} holds no play from before {self._period}: plays of that month may have been "
                "deleted with them, and what is left would make sums that are too small"
            )

    def build(self, after: Any) -> Iterator[Built]:  # noqa: ANN401 - an _id may be of any type
        """Build the elements of one chunk of users after another; a chunk is written when it is yielded.

        Args:
            after: `_id` of the user before them; MinKey for the beginning.
        """
        return self._at_once(self._built, after)

    def _built(self, chunk: Sequence[Any]) -> Built:
        tally, left = _Tally(), chunk
        for _ in range(ATTEMPTS):
            left = self._build(left, tally)
            if not left:
                break
        for user in left:
            tally.skip(user, "others create its statistics document again and again")
        return Built(
            users=len(chunk),
            written=tally.written,
            users_skipped=len(tally.skipped),
            plays_skipped=sum(tally.odd_plays.values()),
            last=chunk[-1],
        )

    def _build(self, users: Sequence[Any], tally: _Tally) -> list[Any]:
        """Build what is missing of these users; return those whose document somebody else has just created."""
        collided: dict[bytes, Any] = {}

        def build(part: Sequence[Any]) -> None:
            for updates in self._updates(part, tally):
                collided.update(self._write(updates, tally))

        alone = divided(users, lambda part: self._retried(lambda: build(part)))
        tally.skipped.update(map(key_of, alone))
        return list(collided.values())

    def _updates(self, users: Sequence[Any], tally: _Tally) -> Iterator[list[tuple[Any, UpdateOne]]]:
        """Yield the updates of these users, with their `_id`, in portions that fit into memory."""
        updates: list[tuple[Any, UpdateOne]] = []
        size = 0
        for found in self._raw_users.aggregate(self._computed(users, only_missing=not self._replace)):
            user, key = found["_id"], key_of(found["_id"])
            tally.odd_plays[key] = found.get("odd", 0)
            if "element" not in found or key in tally.done:
                continue
            if found["isOdd"]:
                tally.skip(user, f"stats in its document in {self._names.stats} is no list")
                continue
            document = found.get("document")
            query: Document = {"user": user} if document is None else {"_id": document, "user": user}
            change = change_to(user, found["element"], self._period, replace=self._replace)
            updates.append((user, UpdateOne(query, change, upsert=document is None)))
            size += len(found.raw)
            if size >= WRITE_BYTES:
                yield updates
                updates, size = [], 0
        if updates:
            yield updates

    def _write(self, updates: list[tuple[Any, UpdateOne]], tally: _Tally) -> dict[bytes, Any]:
        """Write the elements; return the users whose document somebody else has just created, by their key.

        Raises:
            TransientError: some could not be written now.
        """
        commands = [update for _, update in updates]
        try:
            result: Mapping[str, Any] = self._stats.bulk_write(commands, ordered=False).bulk_api_result
        except BulkWriteError as exc:
            result = exc.details or {}
        tally.written += result["nModified"] + result["nUpserted"]
        codes = {error["index"]: error["code"] for error in result["writeErrors"]}
        tally.done.update(key_of(user) for index, (user, _) in enumerate(updates) if index not in codes)
        for index, code in codes.items():
            if code not in {DUPLICATE_KEY, *TRANSIENT_CODES}:
                tally.skip(updates[index][0], f"MongoDB refused its statistics document (code {code})")
        if result["writeConcernErrors"] or TRANSIENT_CODES & set(codes.values()):
            raise TransientError("MongoDB could not write all statistics")
        collided = [updates[index][0] for index, code in codes.items() if code == DUPLICATE_KEY]
        return {key_of(user): user for user in collided}

    def compare(self, after: Any) -> Iterator[Compared]:  # noqa: ANN401 - an _id may be of any type
        """Compare the elements of one chunk of users after another with their plays; nothing is written."""
        return self._at_once(self._compared, after)

    def _compared(self, chunk: Sequence[Any]) -> Compared:
        found: list[Document] = []

        def compare(part: Sequence[Any]) -> None:
            pipeline = [*self._computed(part, only_missing=False), *differences_in(PARTS, EXAMPLES)]
            found.extend(self._retried(lambda: list(self._users.aggregate(pipeline))))

        skipped = divided(chunk, compare)
        return Compared(
            looked_at=len(chunk),
            users=sum(each["users"] for each in found),
            missing=sum(each["missing"] for each in found),
            differing={part: sum(each[part] for each in found) for part in PARTS},
            examples=tuple(user for each in found for user in each["examples"])[:EXAMPLES],
            skipped=len(skipped),
        )

    def _at_once(self, work: Callable[[list[Any]], T], after: Any) -> Iterator[T]:  # noqa: ANN401 - as above
        """Yield what the work makes of one chunk after another, in their order; a few are worked on at once."""
        with ThreadPoolExecutor(max_workers=AT_ONCE) as workers:
            waiting: deque[Future[T]] = deque()
            for chunk in self._chunks(after):
                waiting.append(workers.submit(work, chunk))
                if len(waiting) > AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _chunks(self, after: Any) -> Iterator[list[Any]]:  # noqa: ANN401 - an _id may be of any type
        while chunk := self._next_users(after):
            yield chunk
            after = chunk[-1]

    def _next_users(self, after: Any) -> list[Any]:  # noqa: ANN401 - an _id may be of any type
        query = {"$expr": {"$and": behind(after)}}

        def find() -> list[Any]:
            found = self._users.find(query, {"_id": 1}).hint("_id_").sort("_id", 1).limit(CHUNK_USERS)
            return [user["_id"] for user in found]

        return self._retried(find)

    def _retried(self, call: Callable[[], T]) -> T:
        """Return what the call returns; each attempt is bounded too, since a person at a terminal has no deadline."""

        def timed() -> T:
            with within(CALL_SECONDS):
                return call()

        return retry(self._deadline, timed)

    def _computed(self, users: Sequence[Any], *, only_missing: bool) -> list[Document]:
        """Return the stages that give each user with plays what `kept_of` gives, `element`, and the odd plays' number.

        A user whose documents of the month are all odd has no `element`.
        """
        has_played = {"$gt": [{"$size": "$played.total"}, 0]}
        return [
            {"$match": {"_id": {"$in": list(users)}}},
            {"$project": {"_id": 1}},
            *kept_of(self._names.stats, self._period),
            *([{"$match": {"own": None}}] if only_missing else []),
            *played_of(self._names.playbacks, self._names.musicians, self._period),
            {
                "$project": {
                    "own": 1,
                    "document": "$document._id",
                    "isOdd": 1,
                    "element": {"$cond": [has_played, element(self._period), "$$REMOVE"]},
                    "odd": {"$first": "$played.odd.plays"},
                }
            },
        ]
