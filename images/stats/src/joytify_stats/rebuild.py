"""Gateway: build the users' statistics of a month from their plays (MongoDB).

The server reads a user's plays by the index on `user` and aggregates them; the result is written
back unchanged. An element (the month's entry in `stats`) that the backend wrote is kept unless `replace` is set; the
update itself checks whether there is such an element. One race remains: if the backend creates a user's first
document within the same few milliseconds, the user gets two documents.
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
from joytify_common.ids import CODEC, compared, key_of
from joytify_common.indexes import index_on
from joytify_common.mongo import Document, retry, within_deadline
from joytify_stats.aggregation import differences_in, played_of, stored_statistics
from joytify_stats.elements import NO_LIST, PLAYED, element
from joytify_stats.failing_users import do_or_divide
from joytify_stats.period import Period
from joytify_stats.rebuild_results import Built, Compared
from joytify_stats.writes import NO_LIST_OF_STATISTICS, Tally, Writes

# Users per page. If a run is killed, the elements of earlier pages are already written; without `replace`, a retry
# builds only missing elements.
PAGE_USERS = 500
# Number of pages in progress: while one is written, the plays of another are read.
CONCURRENT_PAGES = 2
# Attempts for users whose document another process creates at the same moment.
ATTEMPTS = 3
# Maximum number of differing users whose ids a comparison returns.
EXAMPLES = 5
PARTS = ("songs", "artists", "peakHour", "summary")

T = TypeVar("T")


class Rebuild:
    """Builds or compares the statistics of one month in one database, within the deadline."""

    def __init__(
        self, database: Database[Document], names: CollectionNames, period: Period, *, replace: bool, deadline: Deadline
    ) -> None:
        # Read from the primary, whatever the connection string says: a stale sum would be written.
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
        """Check that the statistics of the month can be built.

        Raises:
            ConfigError: there is no index, so each user would need a scan of all plays; or cleanup
                may have deleted plays of the month, and the sums would be too small.
            JobError: the database is unavailable.
        """
        # Ids of types that sort before ObjectId contain no creation time; they count as old.
        made_before = {"$expr": {"$lt": ["$_id", {"$literal": ObjectId.from_datetime(self._period.start)}]}}
        played = {**PLAYED, "createdAt": {"$lt": self._period.start, **NO_LIST}}
        with within_deadline(self._deadline):
            index = index_on(self._playbacks, "user")
            has_earlier_plays = self._playbacks.find_one({**made_before, **played}, {"_id": 1}, hint="_id_") is not None
            has_earlier_users = self._users.find_one(made_before, {"_id": 1}, hint="_id_") is not None
        if index is None:
            raise ConfigError(
                f"{self._names.playbacks}: building statistics from plays needs an index on user that is "
                "neither hidden nor partial; create it with `joytify data indexes create playbacks.user`"
            )
        if has_earlier_users and not has_earlier_plays:
            raise ConfigError(
                f"{self._names.playbacks} has no plays from before {self._period}: cleanup may have "
                "deleted plays of that month too, and the sums would be too small"
            )

    def build(self, after: Any, goes_on: Callable[[], bool] = lambda: True) -> Iterator[Built]:  # noqa: ANN401 - an _id
        """Build the users' elements in pages; yield the result of each page after it is written.

        Args:
            after: `_id` of the user before the first, of any BSON type; MinKey for the beginning.
            goes_on: called after each page is started; returns whether to start another.

        Raises:
            JobError: a page could not be built; all other started pages have been yielded.
        """
        last, failure = after, None
        for outcome in self._concurrently(self._build_page, after, goes_on):
            if isinstance(outcome, JobError):
                failure = failure or outcome
                continue
            # The failed page and all later pages will be built again.
            last = last if failure else outcome.last
            yield replace(outcome, last=last)
        if failure is not None:
            raise failure

    def _build_page(self, page: Sequence[Any]) -> Built:
        tally, left = Tally(), list(page)
        for _ in range(ATTEMPTS):
            left = self._build(left, tally)
            if not left:
                break
        for user in left:
            tally.skip(user, "another process keeps creating the user's statistics document")
        return Built(
            users=len(page),
            written=tally.written,
            users_skipped=len(tally.skipped),
            plays_skipped=sum(tally.odd_plays.values()),
            last=page[-1],
        )

    def _build(self, users: Sequence[Any], tally: Tally) -> list[Any]:
        """Build these users' elements; return users whose document others have just created."""
        collided: dict[bytes, Any] = {}

        def build(part: Sequence[Any]) -> None:
            pipeline = self._computed(part, only_missing=not self._replace, with_own=False)
            collided.update(self._writes.write(self._raw_users.aggregate(pipeline), tally))

        refused = do_or_divide(users, lambda part: retry(self._deadline, lambda: build(part)))
        tally.skipped.update(map(key_of, refused.users))
        return list(collided.values())

    def compare(self, after: Any) -> Iterator[Compared]:  # noqa: ANN401 - an _id may be of any type
        """Compare the users' elements with their plays; yield the result of each page."""
        for outcome in self._concurrently(self._compared, after, lambda: True):
            if isinstance(outcome, JobError):
                raise outcome
            yield outcome

    def _compared(self, page: Sequence[Any]) -> Compared:
        found: list[Document] = []

        def compare(part: Sequence[Any]) -> None:
            pipeline = [*self._computed(part, only_missing=False, with_own=True), *differences_in(PARTS, EXAMPLES)]
            found.extend(retry(self._deadline, lambda: list(self._users.aggregate(pipeline))))

        refused = do_or_divide(page, compare)
        tally = Tally()
        for user in (user for each in found for user in each["unwritable"]):
            tally.skip(user, NO_LIST_OF_STATISTICS)
        return Compared(
            examined=len(page),
            users=sum(each["users"] for each in found),
            missing=sum(each["missing"] for each in found),
            differing={part: sum(each[part] for each in found) for part in PARTS},
            examples=tuple(user for each in found for user in each["examples"])[:EXAMPLES],
            skipped=len(refused.users) + len(tally.skipped),
        )

    def _concurrently(
        self,
        work: Callable[[list[Any]], T],
        after: Any,  # noqa: ANN401 - an _id may be of any type
        goes_on: Callable[[], bool],
    ) -> Iterator[T | JobError]:
        """Yield the result of each page in order; a few pages are processed concurrently.

        After an error no page is started.
        """
        with ThreadPoolExecutor(max_workers=CONCURRENT_PAGES) as workers:
            waiting: deque[Future[T]] = deque()
            has_failed = False
            for page in self._pages(after):
                waiting.append(workers.submit(work, page))
                if len(waiting) > CONCURRENT_PAGES:
                    outcome = _outcome(waiting.popleft())
                    has_failed = isinstance(outcome, JobError)
                    yield outcome
                if has_failed or not goes_on():
                    break
            yield from map(_outcome, waiting)

    def _pages(self, after: Any) -> Iterator[list[Any]]:  # noqa: ANN401 - an _id may be of any type
        def find() -> list[Any]:
            query = {"$expr": compared("$gt", after)}
            found = self._users.find(query, {"_id": 1}).hint("_id_").sort("_id", 1).limit(PAGE_USERS)
            return [user["_id"] for user in found]

        while page := retry(self._deadline, find):
            yield page
            after = page[-1]

    def _computed(self, users: Sequence[Any], *, only_missing: bool, with_own: bool) -> list[Document]:
        """Return the stages that compute `element` for each user with plays in the month.

        `odd` is the number of the month's documents that are not valid plays; a user with no valid
        plays has no `element`. For `document` (here only its `_id`) and `isOdd`, see `stored_statistics`.

        Args:
            users: ids of the users.
            only_missing: whether users who have an element are left out.
            with_own: whether to return the stored element as `own`.
        """
        has_played = {"$gt": [{"$size": "$played.total"}, 0]}
        return [
            {"$match": {"_id": {"$in": list(users)}}},
            {"$project": {"_id": 1}},
            *stored_statistics(self._names.stats, self._period),
            *([{"$match": {"own": None}}] if only_missing else []),
            *played_of(self._names.playbacks, self._names.musicians, self._period),
            {
                "$project": {
                    **({"own": 1} if with_own else {}),
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
