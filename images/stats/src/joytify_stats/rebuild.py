"""Gateway: builds the users' statistics of a month from their plays (MongoDB).

The server reads a user's plays by the index on `user` and adds them up; what comes here is written as it came. An
element that the backend wrote stays, unless it is to be replaced: the condition is checked with the write. Only a
user's first document can be made twice, if the backend makes it within the same milliseconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ReadPreference
from pymongo.collection import Collection
from pymongo.database import Database

from joytify_common.collections import CollectionNames
from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, JobError
from joytify_common.ids import CODEC, behind, key_of
from joytify_common.indexes import index_on
from joytify_common.mongo import MAX_CALL_SECONDS, Document, bounded, retry, within
from joytify_stats.built import Built, Compared
from joytify_stats.divided import divided
from joytify_stats.elements import NO_LIST, PLAYED, element
from joytify_stats.period import Period
from joytify_stats.stages import differences_in, kept_of, played_of
from joytify_stats.writes import Tally, Writes

# The most that a run which is killed has to do again.
CHUNK_USERS = 500
# While the elements of one chunk are written, the plays of another are read.
AT_ONCE = 2
# For users whose document the backend creates at the same moment.
ATTEMPTS = 3
# What a comparison shows of those that disagree.
EXAMPLES = 5
PARTS = ("songs", "artists", "peakHour", "summary")

T = TypeVar("T")


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
        self._playbacks = primary[names.playbacks]
        self._writes = Writes(primary[names.stats], period, replace)
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
        # Ids that are no ObjectIds, and come before them, do not tell when they were made: they count as old.
        made_before = {"$expr": {"$lt": ["$_id", {"$literal": ObjectId.from_datetime(self._period.start)}]}}
        played = {**PLAYED, "createdAt": {"$lt": self._period.start, **NO_LIST}}
        with bounded(self._deadline):
            index = index_on(self._playbacks, "user")
            is_whole = self._playbacks.find_one({**made_before, **played}, {"_id": 1}, hint="_id_") is not None
            is_new = self._users.find_one(made_before, {"_id": 1}, hint="_id_") is None
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

    def build(self, after: Any, goes_on: Callable[[], bool] = lambda: True) -> Iterator[Built]:  # noqa: ANN401 - an _id
        """Build the elements of one chunk of users after another; a chunk is written when it is yielded.

        Args:
            after: `_id` of the user before them, of any BSON type; MinKey for the beginning.
            goes_on: is asked after each chunk was begun whether to begin another.

        Raises:
            JobError: some chunk could not be built; all that were begun have been yielded.
        """
        last, failure = after, None
        for outcome in self._at_once(self._built, after, goes_on):
            if isinstance(outcome, JobError):
                failure = failure or outcome
                continue
            # What failed is done again, and so is what comes behind it.
            last = last if failure else outcome.last
            yield replace(outcome, last=last)
        if failure is not None:
            raise failure

    def _built(self, chunk: Sequence[Any]) -> Built:
        tally, left = Tally(), list(chunk)
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

    def _build(self, users: Sequence[Any], tally: Tally) -> list[Any]:
        """Build what is missing of these users; return those whose document somebody else has just created."""
        collided: dict[bytes, Any] = {}

        def build(part: Sequence[Any]) -> None:
            pipeline = self._computed(part, only_missing=not self._replace, kept=False)
            collided.update(self._writes.write(self._raw_users.aggregate(pipeline), tally))

        refused = divided(users, lambda part: self._retried(lambda: build(part)))
        tally.skipped.update(map(key_of, refused.users))
        return list(collided.values())

    def compare(self, after: Any) -> Iterator[Compared]:  # noqa: ANN401 - an _id may be of any type
        """Compare the elements of one chunk of users after another with their plays; nothing is written."""
        for outcome in self._at_once(self._compared, after, lambda: True):
            if isinstance(outcome, JobError):
                raise outcome
            yield outcome

    def _compared(self, chunk: Sequence[Any]) -> Compared:
        found: list[Document] = []

        def compare(part: Sequence[Any]) -> None:
            pipeline = [*self._computed(part, only_missing=False, kept=True), *differences_in(PARTS, EXAMPLES)]
            found.extend(self._retried(lambda: list(self._users.aggregate(pipeline))))

        refused = divided(chunk, compare)
        return Compared(
            looked_at=len(chunk),
            users=sum(each["users"] for each in found),
            missing=sum(each["missing"] for each in found),
            differing={part: sum(each[part] for each in found) for part in PARTS},
            examples=tuple(user for each in found for user in each["examples"])[:EXAMPLES],
            skipped=len(refused.users),
        )

    def _at_once(
        self,
        work: Callable[[list[Any]], T],
        after: Any,  # noqa: ANN401 - an _id may be of any type
        goes_on: Callable[[], bool],
    ) -> Iterator[T | JobError]:
        """Yield what the work makes of one chunk after another, in their order; a few are worked on at once.

        After an error none is begun.
        """
        with ThreadPoolExecutor(max_workers=AT_ONCE) as workers:
            waiting: deque[Future[T]] = deque()
            has_failed = False
            for chunk in self._chunks(after):
                waiting.append(workers.submit(work, chunk))
                if len(waiting) > AT_ONCE:
                    outcome = _outcome(waiting.popleft())
                    has_failed = isinstance(outcome, JobError)
                    yield outcome
                if has_failed or not goes_on():
                    break
            yield from map(_outcome, waiting)

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
            with within(MAX_CALL_SECONDS):
                return call()

        return retry(self._deadline, timed)

    def _computed(self, users: Sequence[Any], *, only_missing: bool, kept: bool) -> list[Document]:
        """Return the stages that give each user with plays `element`, and what `kept_of` gives.

        A user whose documents of the month are all odd has no `element`; `odd` is their number.

        Args:
            users: ids of the users.
            only_missing: whether users who have an element are left out.
            kept: whether the element that is kept is given.
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
                    **({"own": 1} if kept else {}),
                    "document": "$document._id",
                    "isOdd": 1,
                    "element": {"$cond": [has_played, element(self._period), "$$REMOVE"]},
                    "odd": {"$first": "$played.odd.plays"},
                }
            },
        ]


def _outcome(future: Future[T]) -> T | JobError:
    try:
        return future.result()
    except JobError as exc:
        return exc
