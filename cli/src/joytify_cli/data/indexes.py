"""The indexes that the backend declares, and those that a database has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pymongo.database import Database

from joytify_cli.terminal import UsageError
from joytify_common.collections import PRODUCTION, CollectionNames
from joytify_common.indexes import begins_with

Document = dict[str, Any]


@dataclass(frozen=True)
class Index:
    """An index on one field of a collection.

    Attributes:
        kind: the collection's name in production.
        field: which field.
        reason: what is slow, or does not happen, without it.
        options: as MongoDB takes them.
    """

    kind: str
    field: str
    reason: str
    options: Mapping[str, Any]

    def is_served(self, kind: str, specification: Document) -> bool:
        """Return whether an index of a collection, as `index_information` has it, does the work of this one."""
        same = kind == self.kind and begins_with(self.field, specification)
        return same and all(specification.get(key) == value for key, value in self.options.items())

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.kind}.{self.field}"


# Of the collections that the pipeline works on, as the backend's Mongoose models declare them
# (JIAN11442/joytify-app, backend/src/models); those on user.model's preferences and images are its own business.
BACKEND = (
    Index("users", "email", "the backend finds a user by it", {"unique": True}),
    Index("users", "notifications.id", "the backend finds who has a notification by it", {}),
    Index("stats", "user", "the backend finds a user's statistics by it", {}),
    Index("playbacks", "user", "the backend finds a user's playbacks by it", {}),
    Index("playbacks", "song", "the backend finds a song's playbacks by it", {}),
    Index("playbacks", "artist", "the backend finds an artist's playbacks by it", {}),
    Index("sessions", "user", "the backend finds a user's sessions by it", {}),
    Index("sessions", "expiresAt", "MongoDB removes expired sessions by it", {"expireAfterSeconds": 0}),
)


def find_index(text: str) -> Index:
    """Return the backend's index on `COLLECTION.FIELD`, else a plain one.

    Raises:
        UsageError: the collection is none of the pipeline's, the field is missing or `_id`.
    """
    kind, _, field = text.partition(".")
    if kind not in asdict(PRODUCTION) or not field or field == "_id":
        collections = ", ".join(asdict(PRODUCTION))
        raise UsageError(f"{text!r} must be COLLECTION.FIELD, the collection one of {collections}, the field not _id")
    declared = (index for index in BACKEND if (index.kind, index.field) == (kind, field))
    return next(declared, Index(kind, field, "", {}))


def existing(database: Database[Document], names: CollectionNames) -> Iterator[tuple[str, str, Document]]:
    """Yield collection, name and specification of every index on the pipeline's collections."""
    for collection in asdict(names).values():
        for name, specification in database[collection].index_information().items():
            yield collection, name, dict(specification)


def missing(database: Database[Document], names: CollectionNames) -> list[Index]:
    """Return the backend's indexes that no index of the database does the work of."""
    by_kind = {collection: kind for kind, collection in asdict(names).items()}
    found = [(by_kind[collection], specification) for collection, _, specification in existing(database, names)]
    return [index for index in BACKEND if not any(index.is_served(*each) for each in found)]


def create(database: Database[Document], names: CollectionNames, index: Index) -> str:
    """Create an index, unless it exists, and return its name."""
    collection = database[getattr(names, index.kind)]
    return str(collection.create_index(index.field, **index.options))
