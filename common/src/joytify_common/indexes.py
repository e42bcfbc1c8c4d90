"""Find an index of a collection that can look up every document by a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import MinKey
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

BAD_VALUE = 2
# An index with one of these options omits documents, or is not used by queries.
UNFIT = {"partialFilterExpression", "hidden"}


def finds_all_by(index: Mapping[str, Any], field: str) -> bool:
    """Return whether an index, as `index_information` describes it, finds every document by the field."""
    return index["key"][0] in {(field, 1), (field, -1)} and not UNFIT & index.keys()


def index_on(collection: Collection[dict[str, Any]], field: str) -> str | None:
    """Return the name of a usable index that finds every document by the field; None without one.

    Raises:
        pymongo.errors.PyMongoError: the server does not answer, or refuses the call.
    """
    names = [name for name, index in collection.index_information().items() if finds_all_by(index, field)]
    return next((name for name in names if _is_usable(collection, field, name)), None)


def _is_usable(collection: Collection[dict[str, Any]], field: str, index: str) -> bool:
    """Return whether the index can be used; an index that is still being built cannot."""
    try:
        collection.find_one({field: MinKey()}, {"_id": 1}, hint=index)
    except OperationFailure as exc:
        if exc.code != BAD_VALUE:
            raise
        return False
    return True
