"""Work on many users at once; where that cannot be done, the users who are the cause are found and skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loguru import logger

from joytify_common.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# After so many users, and none who is not a cause, nobody will succeed.
MOST_IN_A_ROW = 10
# A log line names this many.
NAMED = 100


def divided(users: Sequence[Any], work: Callable[[Sequence[Any]], object]) -> list[Any]:
    """Do the work for all users, for halves where it fails, and so on; return the users for whom it fails alone.

    Args:
        users: their ids.
        work: is called with some of them; it may be called again for those whom a failed call has worked on.

    Raises:
        PermanentError: it fails for everyone.
        JobError: it fails in another way, which no division helps.
    """
    skipped: list[Any] = []
    failed: PermanentError | None = None
    is_done_for_some = False
    waiting = [users]
    while waiting:
        part = waiting.pop()
        try:
            work(part)
            is_done_for_some = True
        except PermanentError as exc:
            failed = exc
            if len(part) == 1:
                logger.warning("user skipped", user=str(part[0]), error=str(exc))
                skipped.extend(part)
            else:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
        if failed is not None and not is_done_for_some and len(skipped) >= MOST_IN_A_ROW:
            raise failed
    return skipped


def log_skipped(what: str, ids: Sequence[Any]) -> None:
    """Log the documents that are skipped for this reason, a hundred of them by `_id`."""
    if ids:
        logger.warning("skipped", reason=what, count=len(ids), ids=[str(each) for each in ids[:NAMED]])
