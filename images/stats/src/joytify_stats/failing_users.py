"""Process many users together; if that fails, find and skip the users who are the cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from loguru import logger

from joytify_common.errors import PermanentError

# Maximum number of ids in a log line.
NAMED = 100


@dataclass
class Refused:
    """Users for whom the work fails even if it is done for them alone.

    Attributes:
        users: their ids.
        error: why the last of them was refused; None if `users` is empty.
    """

    users: list[Any] = field(default_factory=list)
    error: PermanentError | None = None


def do_or_divide(users: Sequence[Any], work: Callable[[Sequence[Any]], object]) -> Refused:
    """Do the work for all users; if it fails, repeat it for each half, down to single users.

    Return users for whom it fails.

    Args:
        users: ids of the users.
        work: called with some of the users; it may be called again for users of a failed call.

    Raises:
        JobError: the work fails with an error that does not depend on the users.
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
