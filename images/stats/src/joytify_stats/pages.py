"""Process the audience page by page.

Read the next page while earlier pages are still being written, and record the results in the order of the pages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from joytify_common.deadline import Deadline
from joytify_common.errors import PermanentError, TransientError, worst
from joytify_stats.audience import Page, Recipients

# Number of pages whose users get the notification concurrently: while one page waits for the journal, the server works
# on another.
ATTACHING = 3

# The first page is small, so that reading, attaching and pushing soon overlap.
FIRST_PAGE_USERS = 500
# Larger pages are not faster (docs/benchmarks.md), and even on a slow server a page must take less than PAGE_SECONDS
# (delivery.py), so that the last page ends in time.
PAGE_USERS = 5000


def page_sizes(most: int) -> Iterator[int]:
    """Yield an endless series of page sizes, in users: each twice the previous, up to `most`."""
    size = FIRST_PAGE_USERS
    while True:
        yield min(size, most)
        size = min(2 * size, most)


@dataclass(frozen=True)
class PageOutcome:
    """The result of one page, in numbers of users: ids would make memory grow with the audience.

    Attributes:
        users: users with statistics.
        updated: users who got the notification; in a dry run, users who would get it.
        skipped: users whose documents cannot be used.
        refusal: error of the last user whose document MongoDB would not update; None if there was none.
    """

    users: int
    updated: int
    skipped: int
    refusal: PermanentError | None = None


@dataclass(frozen=True)
class Delivered:
    """The result of all pages of a run.

    Attributes:
        is_done: whether all pages are done.
        failure: the error that ended the delivery, or None.
    """

    outcomes: tuple[PageOutcome, ...]
    is_done: bool
    failure: Exception | None = None


@dataclass(frozen=True, kw_only=True)
class PagePipeline:
    """Reads pages one by one, attaches the notification for several pages concurrently, and records them in order.

    Attributes:
        read: returns the page after a stats document's `_id`; None after the last.
        attach: gives the notification to a page's users and returns who got it; several calls run
            concurrently.
        notify: called with the recipients of each page, even if other pages fail.
        record: called with a page's position and outcome, in order, after this page and all
            earlier pages are attached.
        deadline: when to stop.
        min_seconds_left: a page that starts with less time left is the last page.
    """

    read: Callable[[Any], Page | None]
    attach: Callable[[Page], Recipients]
    notify: Callable[[Recipients], None]
    record: Callable[[Any, PageOutcome], None]
    deadline: Deadline
    min_seconds_left: float

    def run(self, after: Any) -> Delivered:  # noqa: ANN401 - an _id may be of any type
        """Return the result of the pages after this position; errors are returned, not raised."""
        outcomes: list[PageOutcome] = []
        in_time, is_late, has_progress = True, False, False
        failures: list[Exception] = []
        in_flight: deque[tuple[Page, Future[Recipients]]] = deque()
        with ThreadPoolExecutor(max_workers=1 + ATTACHING) as workers:
            coming = workers.submit(self.read, after)
            try:
                while in_flight or (in_time and coming.result() is not None):
                    if in_time and len(in_flight) < ATTACHING and (page := coming.result()) is not None:
                        coming = workers.submit(self.read, page.last)
                        in_flight.append((page, workers.submit(self.attach, page)))
                        in_time = self.deadline.remaining() > self.min_seconds_left
                        continue
                    page, attached = in_flight.popleft()
                    outcomes.append(outcome := self._settle(page, attached.result()))
                    _raise(attached.result().failure)
                    self.record(page.last, outcome)
                    has_progress = True
            except Exception as exc:  # noqa: BLE001 - returned with what was done before
                failures, is_late = [exc], self.deadline.remaining() == 0
            for page, attached in in_flight:
                # Count the users of the other pages too, and push to them: these users already have the notification,
                # so no later run would push to them.
                try:
                    outcomes.append(self._settle(page, attached.result()))
                except Exception as exc:  # noqa: BLE001 - returned with what was done before
                    failures.append(exc)
                else:
                    failures.extend(filter(None, [attached.result().failure]))
        error = worst(failures)
        if isinstance(error, TransientError) and has_progress and is_late:
            # A transient error after the deadline means that time ran out, not that the run failed.
            return Delivered(tuple(outcomes), is_done=False)
        return Delivered(tuple(outcomes), in_time and error is None, error)

    def _settle(self, page: Page, recipients: Recipients) -> PageOutcome:
        self.notify(recipients)
        users, skipped = len(page.users) + page.skipped, page.skipped + recipients.skipped
        return PageOutcome(users, len(recipients.users), skipped, recipients.refusal)


def _raise(failure: Exception | None) -> None:
    if failure is not None:
        raise failure
