"""Work on many users at once; where that cannot be done, the users who are the cause are found and skipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from loguru import logger

from joytify_common.errors import PermanentError

# A log line names this many.
NAMED = 100


@dataclass
class Refused:
    """Users for whom the work fails, however few they are.

    Attributes:
        users: their ids.
        error: why the last of them was refused; None if there is none.
    """

    users: list[Any] = field(default_factory=list)
    error: PermanentError | None = None


def divided(users: Sequence[Any], work: Callable[[Sequence[Any]], object]) -> Refused:
    """Do the work for all users, for halves where it fails, and so on; return the users for whom it fails alone.

    Args:
        users: their ids.
        work: is called with some of them; it may be called again for those whom a failed call has worked on.

    Raises:
        JobError: it fails in a way that no division helps.
    """
    refused = Refused()
    waiting = [users]
    while waiting:
        part = waiting.pop()
        try:
            work(part)
        except PermanentError as exc:
            if len(part) == 1:
                logger.warning("user skipped", user=str(part[0]), error=str(exc))
                refused.users.extend(part)
                refused.error = exc
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
    return refused


def log_skipped(why: str, ids: Sequence[Any]) -> None:
    """Log the `_id` of each document that is skipped for this reason."""
    for first in range(0, len(ids), NAMED):
        logger.warning("skipped", reason=why, ids=[str(each) for each in ids[first : first + NAMED]])
