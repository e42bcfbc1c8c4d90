"""Expired documents that are deleted together."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# A batch is deleted by this many commands at once: halves take 0.7 of the time of a whole.
PARTS = 2


@dataclass(frozen=True)
class Part:
    """Expired documents that are deleted by one command.

    Attributes:
        query: the filter that finds them, without the date condition.
        documents: how many they are.
    """

    query: dict[str, Any]
    documents: int


@dataclass(frozen=True)
class Batch:
    """Expired documents that are deleted together.

    Attributes:
        parts: these are deleted at the same time.
        last: whether the next batch is looked for only after this one is deleted.
    """

    parts: Sequence[Part]
    last: bool = False

    @property
    def documents(self) -> int:
        """How many documents are in it."""
        return sum(part.documents for part in self.parts)


def batch_of(ids: Sequence[Any], *, last: bool) -> Batch:
    """Return the batch of the documents with these ids."""
    share = max(1, ceil(len(ids) / PARTS))
    shares = [ids[start : start + share] for start in range(0, len(ids), share)]
    return Batch([Part({"_id": {"$in": list(some)}}, len(some)) for some in shares], last=last)
