"""Runs the use case of the month end on a database; fakes record its calls to other services."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from bson import ObjectId
from factories import FakeContext, metadata
from pydantic import SecretStr
from pymongo.database import Database

from joytify_common.collections import PRODUCTION
from joytify_common.deadline import Deadline
from joytify_common.errors import JobError
from joytify_common.events import parse_event
from joytify_common.job import Run
from joytify_common.outcome import Failed
from joytify_common.secrets import Secret
from joytify_stats.audience import Audience
from joytify_stats.backend import Backend
from joytify_stats.delivery import Delivery
from joytify_stats.delivery_record import DeliveryRecord
from joytify_stats.month_end import MonthEnd, StatsEvent
from joytify_stats.period import resolve_period
from joytify_stats.rebuild import Rebuild

NOW = datetime(2026, 11, 1, 2, tzinfo=UTC)

Document = dict[str, Any]


@dataclass
class FakeBackend:
    """Records the users who were pushed; fails if the test says so."""

    pushed: list[ObjectId] = field(default_factory=list)
    error: JobError | None = None
    calls: int = 0

    def push(self, users: Sequence[ObjectId], _: Deadline) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error
        self.pushed.extend(users)


@dataclass
class FakeServices:
    """Fakes that record a run's calls to other services."""

    backend: FakeBackend = field(default_factory=FakeBackend)
    cleanups: list[str] = field(default_factory=list)
    continuations: list[Document] = field(default_factory=list)
    cleanup_error: Exception | None = None

    def start_cleanup(self) -> None:
        if self.cleanup_error is not None:
            raise self.cleanup_error
        self.cleanups.append("started")


def month_end(database: Database[Document], outside: FakeServices | None = None, **how: Any) -> Any:
    """Run once and return the summary's fields and `unfinished`; raise the error of a failed run, as Job does."""
    outcome = outcome_of(database, outside, **how)
    if isinstance(outcome, Failed):
        raise outcome.failure.error
    report = outcome.report
    return SimpleNamespace(**dict(report.summary(metadata()).data), unfinished=not report.is_complete)


def outcome_of(
    database: Database[Document],
    outside: FakeServices | None = None,
    *,
    event: Document | None = None,
    seconds: float = 60,
    page: int = 3,
    now: datetime = NOW,
    push_size: int | None = None,
    backend: Backend | None = None,
    read_preference: str = "primary",
) -> Any:
    """Run once and return the outcome; `backend` replaces the one in `outside`."""
    outside = outside or FakeServices()
    parsed = parse_event(StatsEvent, event)
    period = resolve_period(parsed.period, now)
    run = Run(
        now=now,
        test_mode=False,
        secret=Secret(name="NAME", values={"KEY": SecretStr("value")}),
        context=FakeContext(),
    )
    deadline = Deadline(time.monotonic() + seconds)
    use_case = MonthEnd(
        event=parsed,
        run=run,
        rebuild=Rebuild(database, PRODUCTION, period, replace=False, deadline=deadline),
        delivery=Delivery(
            period=period,
            delivery_record=DeliveryRecord(database, PRODUCTION, period, deadline),
            audience=Audience(database, PRODUCTION, period, read_preference=read_preference, deadline=deadline),
            backend=backend or cast("Backend", outside.backend),
            page_size=page,
            push_size=push_size or page,
            deadline=deadline,
            dry_run=parsed.dry_run,
            now=now,
        ),
        start_cleanup=outside.start_cleanup,
        start_continuation=lambda following: outside.continuations.append(following.payload()),
    )
    return use_case.push_again() if parsed.push_again else use_case.deliver()
