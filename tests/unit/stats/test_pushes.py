from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import cast

import pytest
from bson import ObjectId

from joytify_common.deadline import Deadline
from joytify_common.errors import JobError, TransientError
from joytify_stats.backend import Backend, KeyRefusedError
from joytify_stats.pushes import IN_FLIGHT, MAX_FAILURES, Pushes

USERS = [ObjectId(), ObjectId()]


class FakeBackend:
    """Answers each push with the next outcome; with `hold`, only after `released` is set."""

    def __init__(self, outcomes: Sequence[JobError | None] = (), *, hold: bool = False) -> None:
        self.outcomes = list(outcomes)
        self.released = threading.Event()
        if not hold:
            self.released.set()
        self.calls = 0
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def push(self, _: Sequence[ObjectId], __: Deadline) -> None:
        with self._lock:
            self.calls += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            outcome = self.outcomes.pop(0) if self.outcomes else None
        self.released.wait(10)
        with self._lock:
            self.at_once -= 1
        if outcome is not None:
            raise outcome


def pushes(backend: FakeBackend, seconds: float = 60) -> Pushes:
    return Pushes(cast("Backend", backend), size=2, deadline=Deadline(time.monotonic() + seconds))


def test_what_is_in_flight_is_waited_for_at_the_end() -> None:
    backend = FakeBackend(hold=True)
    with pushes(backend) as ours:
        ours.start(USERS)
        ours.start(USERS)
        told_early = ours.totals.notified
        backend.released.set()

    assert (told_early, ours.totals.notified, ours.totals.failures) == (0, 4, 0)


def test_only_a_few_pushes_are_in_flight_concurrently() -> None:
    backend = FakeBackend(hold=True)

    def release() -> None:
        while backend.at_once < IN_FLIGHT:
            time.sleep(0.01)
        # Time for one push too many to begin.
        time.sleep(0.1)
        backend.released.set()

    threading.Thread(target=release, daemon=True).start()
    with pushes(backend) as ours:
        for _ in range(IN_FLIGHT * 3):
            ours.start(USERS)

    assert backend.most_at_once == IN_FLIGHT
    assert ours.totals.notified == len(USERS) * IN_FLIGHT * 3


def test_after_consecutive_failures_pushes_are_skipped_and_counted_as_failed() -> None:
    backend = FakeBackend([TransientError("the backend answered 503")] * 100)
    with pushes(backend) as ours:
        for _ in range(50):
            ours.start(USERS)

    assert (ours.totals.notified, ours.totals.failures, ours.totals.failure) == (0, 100, "the backend answered 503")
    assert MAX_FAILURES <= backend.calls <= MAX_FAILURES + IN_FLIGHT


def test_pushes_resume_when_the_backend_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joytify_stats.pushes.COOL_DOWN_SECONDS", 0.2)
    backend = FakeBackend([TransientError("the backend answered 502")] * 100)
    with pushes(backend) as ours:
        for _ in range(IN_FLIGHT * 3):
            ours.start(USERS)
        tried = backend.calls
        backend.outcomes.clear()
        time.sleep(0.3)
        ours.start(USERS)

    assert MAX_FAILURES <= tried <= MAX_FAILURES + IN_FLIGHT
    assert ours.totals.notified == len(USERS)


def test_nothing_is_pushed_after_the_deadline() -> None:
    backend = FakeBackend()
    with pushes(backend, seconds=0) as ours:
        ours.start(USERS)

    assert (backend.calls, ours.totals.failures) == (0, 2)


def test_a_refused_key_stops_further_pushes_immediately() -> None:
    backend = FakeBackend([KeyRefusedError("the key was refused"), None, None, None])
    with pushes(backend) as ours:
        for _ in range(50):
            ours.start(USERS)

    assert ours.totals.failure == "the key was refused"
    assert backend.calls <= IN_FLIGHT + 1
    assert ours.totals.notified + ours.totals.failures == 100


def test_a_failure_between_successes_stops_nothing() -> None:
    backend = FakeBackend([None, TransientError("the backend answered 503"), None, TransientError("again")])
    with pushes(backend) as ours:
        for _ in range(10):
            ours.start(USERS)

    assert (ours.totals.notified, ours.totals.failures) == (16, 4)


def test_users_beyond_the_size_of_a_push_are_split_into_several_pushes() -> None:
    backend = FakeBackend()
    with pushes(backend) as ours:
        ours.start([ObjectId() for _ in range(5)])

    assert (backend.calls, ours.totals.notified) == (3, 5)
