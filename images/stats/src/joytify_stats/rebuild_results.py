"""The results of building users' statistics from plays, and of comparing them with plays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from joytify_common.ids import BEGINNING


@dataclass(frozen=True, kw_only=True)
class Built:
    """The result of building the elements of some users.

    Attributes:
        users: number of users examined, with or without plays.
        written: number of elements written.
        users_skipped: number of users whose documents could not be read or written.
        plays_skipped: number of the month's documents that are not valid plays according to the
            backend's model, and were left out.
        last: `_id` of the last user; a continuation starts after it.
        is_done: whether there are no users after `last`.
    """

    users: int = 0
    written: int = 0
    users_skipped: int = 0
    plays_skipped: int = 0
    last: Any = BEGINNING
    is_done: bool = False

    def plus(self, page: Built) -> Built:
        """Return the sums of this result and the next page's; `last` and `is_done` are those of the next page."""
        names = ("users", "written", "users_skipped", "plays_skipped")
        return replace(page, **{name: getattr(self, name) + getattr(page, name) for name in names})


@dataclass(frozen=True)
class Compared:
    """The result of comparing a page of users' elements with their plays, in numbers of users.

    Attributes:
        examined: users examined.
        users: users with plays in the month.
        missing: users with plays but without an element.
        differing: users whose element differs from their plays, by part of the element.
        examples: ids of some users whose element differs.
        skipped: users whose documents could not be read, or whose `stats` is not a list.
    """

    examined: int
    users: int
    missing: int
    differing: dict[str, int]
    examples: tuple[Any, ...]
    skipped: int
