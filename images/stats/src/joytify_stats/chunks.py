"""Chunks of the audience: the next is read while a few are worked on, and all are recorded in their order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from joytify_common.deadline import Deadline
from joytify_common.errors import PermanentError, TransientError, worst
from joytify_stats.audience import Chunk, Recipients

# Chunks that get the notification at the same time: one's wait for the journal is another's work.
ATTACHING = 3

# The first chunk is small, so that reading, attaching and pushing soon overlap.
FIRST_CHUNK_USERS = 500

T = TypeVar("T")


def chunk_sizes(most: int) -> Iterator[int]:
    """Yield the sizes of the chunks, without end: each is twice the one before, up to a maximum, in users."""
    size = FIRST_CHUNK_USERS
    while True:
        yield min(size, most)
        size = min(2 * size, most)


class Once(Generic[T]):
    """A call that several threads need and one makes: it is made at most once, and all get its result."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call, self._lock, self._results = call, threading.Lock(), list[T]()

    @property
    def result(self) -> T | None:
        """The call's result; None if nobody has made it."""
        return next(iter(self._results), None)

    def __call__(self) -> T:
        """Return the call's result; a call that raises is made again by the next."""
        with self._lock:
            if not self._results:
                self._results.append(self._call())
            return self._results[0]


@dataclass(frozen=True)
class ChunkOutcome:
    """What became of one chunk, in numbers of users: ids would make memory grow with the audience.

    Attributes:
        users: with statistics.
        updated: who got the notification.
        skipped: whose documents cannot be used.
        refusal: why MongoDB refused the last of those that it refused; None if it refused none.
    """

    users: int
    updated: int
    skipped: int
    refusal: PermanentError | None = None


@dataclass(frozen=True)
class Delivered:
    """What became of the chunks.

    Attributes:
        is_done: whether all chunks are done.
        reached: `_id` of the last stats document that was processed; a continuation starts behind it.
        failure: the error that ended the delivery, or None.
    """

    outcomes: tuple[ChunkOutcome, ...]
    is_done: bool
    reached: Any
    failure: Exception | None = None


@dataclass(frozen=True, kw_only=True)
class ChunkPipeline:
    """Reads chunk after chunk, has each worked on, and records them in order.

    Attributes:
        read: returns the chunk after a stats document's `_id`; None after the last.
        attach: gives a chunk's users the notification and returns who got it; several are called at the same time.
        notify: is called with what came of each chunk, whatever becomes of the others.
        record: is called with a chunk's position and outcome, in order, once it and all before it are attached.
        deadline: when to stop.
        seconds_per_chunk: no chunk is begun with less time left.
    """

    read: Callable[[Any], Chunk | None]
    attach: Callable[[Chunk], Recipients]
    notify: Callable[[Recipients], None]
    record: Callable[[Any, ChunkOutcome], None]
    deadline: Deadline
    seconds_per_chunk: float

    def run(self, after: Any) -> Delivered:  # noqa: ANN401 - an _id may be of any type
        """Return what became of the chunks after this position; errors are returned, not raised."""
        outcomes: list[ChunkOutcome] = []
        reached, in_time, is_late, has_progress = after, True, False, False
        failures: list[Exception] = []
        in_flight: deque[tuple[Chunk, Future[Recipients]]] = deque()
        with ThreadPoolExecutor(max_workers=1 + ATTACHING) as workers:
            coming = workers.submit(self.read, after)
            try:
                while in_flight or (in_time and coming.result() is not None):
                    if in_time and len(in_flight) < ATTACHING and (chunk := coming.result()) is not None:
                        coming = workers.submit(self.read, chunk.last)
                        in_flight.append((chunk, workers.submit(self.attach, chunk)))
                        in_time = self.deadline.remaining() > self.seconds_per_chunk
                        continue
                    chunk, attached = in_flight.popleft()
                    outcomes.append(outcome := self._settle(chunk, attached.result()))
                    _raise(attached.result().failure)
                    self.record(chunk.last, outcome)
                    reached, has_progress = chunk.last, True
            except Exception as exc:  # noqa: BLE001 - returned with what was done before
                failures, is_late = [exc], self.deadline.remaining() == 0
            for chunk, attached in in_flight:
                # No later run finds their users pending.
                try:
                    outcomes.append(self._settle(chunk, attached.result()))
                except Exception as exc:  # noqa: BLE001 - returned with what was done before
                    failures.append(exc)
                else:
                    failures.extend(filter(None, [attached.result().failure]))
        error = worst(failures)
        if isinstance(error, TransientError) and has_progress and is_late:
            # A server that is slow beyond the deadline is out of time, not broken.
            return Delivered(tuple(outcomes), is_done=False, reached=reached)
        return Delivered(tuple(outcomes), in_time and error is None, reached, error)

    def _settle(self, chunk: Chunk, recipients: Recipients) -> ChunkOutcome:
        self.notify(recipients)
        users, skipped = len(chunk.users) + chunk.skipped, chunk.skipped + recipients.skipped
        return ChunkOutcome(users, len(recipients.users), skipped, recipients.refusal)


def _raise(failure: Exception | None) -> None:
    if failure is not None:
        raise failure
