"""Gateway: write the users' elements (MongoDB), and collect the result for each user in a `Tally`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson.raw_bson import RawBSONDocument
from loguru import logger
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from joytify_common.errors import TransientError
from joytify_common.ids import key_of
from joytify_common.mongo import Document
from joytify_common.mongo_errors import TRANSIENT_CODES
from joytify_stats.aggregation import change_to
from joytify_stats.elements import NO_LIST
from joytify_stats.period import Period

# A bulk write is sent when the computed documents of its users reach this total size.
WRITE_BYTES = 8 * 1024 * 1024
NO_LIST_OF_STATISTICS = "`stats` in the user's statistics document is not a list"
# Somebody else has created the user's document: another run (same `_id`), or the backend (reported only if the index on
# `user` is unique); the next attempt finds the document.
DUPLICATE_KEY = 11000


@dataclass
class Tally:
    """The results for a page of users; users are identified by `key_of`, so that a retried user counts once."""

    done: set[bytes] = field(default_factory=set)
    written: int = 0
    skipped: set[bytes] = field(default_factory=set)
    odd_plays: dict[bytes, int] = field(default_factory=dict)

    def skip(self, user: object, why: str) -> None:
        """Leave a user out, and log it once."""
        if key_of(user) not in self.skipped:
            logger.warning("user skipped", user=str(user), error=why)
            self.skipped.add(key_of(user))


@dataclass(frozen=True)
class Writes:
    """Writes the elements of one month.

    Attributes:
        stats: the collection.
        period: the month.
        replace: whether to replace an existing element.
    """

    stats: Collection[Document]
    period: Period
    replace: bool

    def write(self, users: Iterable[RawBSONDocument], tally: Tally) -> dict[bytes, Any]:
        """Write the computed elements, in portions that fit into memory.

        Returns:
            Ids of the users whose document somebody else has just created, by `key_of`.

        Raises:
            TransientError: some elements temporarily could not be written.
        """
        collided: dict[bytes, Any] = {}
        for portion in self._portions(users, tally):
            collided |= self._write(portion, tally)
        return collided

    def _portions(self, users: Iterable[RawBSONDocument], tally: Tally) -> Iterator[list[tuple[Any, UpdateOne]]]:
        portion: list[tuple[Any, UpdateOne]] = []
        size = 0
        for found in users:
            user, key = found["_id"], key_of(found["_id"])
            tally.odd_plays[key] = found.get("odd", 0)
            if "element" not in found or key in tally.done:
                continue
            if found["isOdd"]:
                tally.skip(user, NO_LIST_OF_STATISTICS)
                continue
            portion.append((user, self._update(user, found)))
            size += len(found.raw)
            if size >= WRITE_BYTES:
                yield portion
                portion, size = [], 0
        if portion:
            yield portion

    def _update(self, user: object, found: RawBSONDocument) -> UpdateOne:
        document = found.get("document")
        of_user = {"user": {"$eq": user, **NO_LIST}}
        query = of_user if document is None else {"_id": document, **of_user}
        change = change_to(user, found["element"], self.period, replace=self.replace)
        return UpdateOne(query, change, upsert=document is None)

    def _write(self, portion: Sequence[tuple[Any, UpdateOne]], tally: Tally) -> dict[bytes, Any]:
        updates = [update for _, update in portion]
        try:
            result: Mapping[str, Any] = self.stats.bulk_write(updates, ordered=False).bulk_api_result
        except BulkWriteError as exc:
            result = exc.details or {}
        tally.written += result["nModified"] + result["nUpserted"]
        codes = {error["index"]: error["code"] for error in result["writeErrors"]}
        tally.done.update(key_of(user) for index, (user, _) in enumerate(portion) if index not in codes)
        for index, code in codes.items():
            if code not in {DUPLICATE_KEY, *TRANSIENT_CODES}:
                tally.skip(portion[index][0], f"MongoDB refused the user's statistics document (code {code})")
        if result["writeConcernErrors"] or TRANSIENT_CODES & set(codes.values()):
            raise TransientError("MongoDB could not write all statistics")
        collided = [portion[index][0] for index, code in codes.items() if code == DUPLICATE_KEY]
        return {key_of(user): user for user in collided}
