"""The indexes that the backend declares, and those that a database has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pymongo.database import Database

from joytify_cli.terminal import UsageError
from joytify_common.collections import PRODUCTION, CollectionNames
from joytify_common.indexes import finds_all_by
from joytify_common.mongo import Document


@dataclass(frozen=True)
class Index:
    """An index on one field of a collection.

    Attributes:
        kind: name of a field of `CollectionNames`, such as `users`.
        field: which field.
        reason: what needs the index; empty if the backend does not declare it.
        options: keyword arguments of pymongo's `create_index`, such as `unique`.
    """

    kind: str
    field: str
    reason: str
    options: Mapping[str, Any]

    def is_covered_by(self, kind: str, specification: Document) -> bool:
        """Return whether an index, as `index_information` describes it, can replace this one."""
        same = kind == self.kind and finds_all_by(specification, self.field)
        return same and all(specification.get(key) == value for key, value in self.options.items())

    def __str__(self) -> str:
        """Return `COLLECTION.FIELD`."""
        return f"{self.kind}.{self.field}"


# Indexes of the pipeline's collections that the backend's Mongoose models declare
# (JIAN11442/joytify-app, backend/src/models), except the indexes on users' preferences and images.
BACKEND = (
    Index("users", "email", "the backend finds a user by it", {"unique": True}),
    Index("users", "notifications.id", "the backend uses this index to find the users who have a notification", {}),
    Index("stats", "user", "the backend finds a user's statistics by it", {}),
    Index("playbacks", "user", "the backend finds a user's playbacks by it", {}),
    Index("playbacks", "song", "the backend finds a song's playbacks by it", {}),
    Index("playbacks", "artist", "the backend finds an artist's playbacks by it", {}),
    Index("sessions", "user", "the backend finds a user's sessions by it", {}),
    Index("sessions", "expiresAt", "MongoDB removes expired sessions by it", {"expireAfterSeconds": 0}),
)


def find_index(text: str) -> Index:
    """Return the index that the backend declares on `COLLECTION.FIELD`, else an index without options.

    Raises:
        UsageError: the collection is not one of the pipeline's, or the field is missing or `_id`.
    """
    collection, _, field = text.partition(".")
    kind = {name: kind for kind, name in asdict(PRODUCTION).items()}.get(collection)
    if kind is None or not field or field == "_id":
        collections = ", ".join(asdict(PRODUCTION).values())
        raise UsageError(f"{text!r} must be COLLECTION.FIELD, COLLECTION one of {collections}, and FIELD not _id")
    declared = (index for index in BACKEND if (index.kind, index.field) == (kind, field))
    return next(declared, Index(kind, field, "", {}))


def existing(database: Database[Document], names: CollectionNames) -> Iterator[tuple[str, str, Document]]:
    """Yield collection, name and specification of every index on the pipeline's collections."""
    for collection in asdict(names).values():
        for name, specification in database[collection].index_information().items():
            yield collection, name, dict(specification)


def missing(database: Database[Document], names: CollectionNames) -> list[Index]:
    """Return the backend's indexes that the database lacks, and for which it has no equivalent."""
    by_kind = {collection: kind for kind, collection in asdict(names).items()}
    found = [(by_kind[collection], specification) for collection, _, specification in existing(database, names)]
    return [index for index in BACKEND if not any(index.is_covered_by(*each) for each in found)]


def create(database: Database[Document], names: CollectionNames, index: Index) -> str:
    """Create an index if it does not exist, and return its name."""
    collection = database[getattr(names, index.kind)]
    return str(collection.create_index(index.field, **index.options))
