"""What came of the users' statistics that were built, or compared with the plays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from joytify_common.ids import BEGINNING


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
