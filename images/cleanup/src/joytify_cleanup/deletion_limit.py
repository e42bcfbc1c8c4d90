"""The deletion limit.

If more than CLEANUP_DELETION_LIMIT_PERCENT of a collection has expired, a run deletes nothing from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joytify_cleanup.batches import ExpiredDocuments
from joytify_cleanup.work import Work
from joytify_common.errors import PermanentError
from joytify_common.outcome import Failure

ADVICE = 'so nothing was deleted there; to delete anyway, invoke with {"ignoreDeletionLimit": true}'


@dataclass(frozen=True)
class DeletionLimit:
    """The limit of one run.

    Attributes:
        percent: CLEANUP_DELETION_LIMIT_PERCENT.
        is_ignored: whether the event says to delete anyway.
        seconds: returns how long a count may take.
    """

    percent: float
    is_ignored: bool
    seconds: Callable[[], float]

    def is_exceeded(self, documents: ExpiredDocuments, todo: Sequence[Work]) -> bool:
        """Return whether the deletion limit is exceeded, or could not be checked in time.

        Every run checks the limit, because its event may have been written by anybody. If the first run of a sequence
        is within the limit, so are its continuations: the share of expired documents only shrinks.
        """
        if self.is_ignored:
            return False
        mine = [work for work in todo if work.collection == documents.kind]
        return documents.may_exceed(self.percent, mine, self.seconds())

    def failure(self, collections: Sequence[str]) -> Failure | None:
        """Return the failure for the collections above the limit; None if there are no such collections."""
        text = (
            f"more than CLEANUP_DELETION_LIMIT_PERCENT ({self.percent:g} %) of {', '.join(collections)} has expired, "
            f"or the share could not be counted in time, {ADVICE}"
        )
        return Failure(PermanentError(text), "deletion limit") if collections else None
