"""Runs cleanup's use case on a database; its calls to other services are replaced by fakes."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast

from bson import ObjectId
from factories import metadata
from pymongo.database import Database

from joytify_cleanup.archive import Archive
from joytify_cleanup.batches import ExpiredDocuments
from joytify_cleanup.cleanup import Cleanup
from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.purge import Purge
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.retention import POLICIES, Kind, cutoff
from joytify_cleanup.work import Done
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline
from joytify_common.events import parse_event
from joytify_common.outcome import Answered, Failed

NOW = datetime(2026, 11, 1, 4, tzinfo=UTC)
DAYS = 60
CUTOFF = cutoff(NOW, DAYS)
_NUMBERS = count()

Document = dict[str, Any]


@dataclass(frozen=True)
class CountedDeadline(Deadline):
    """A deadline that passes after a number of checks, independently of the machine's speed.

    Attributes:
        checks: yields an item for each check before the deadline passes.
    """

    checks: Iterator[int]

    def remaining(self) -> float:
        """Return 60 until the deadline has passed, then 0."""
        return 0.0 if next(self.checks, None) is None else 60.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a run is made.

    Attributes:
        now: when it begins.
        seconds: until its deadline.
        checks: number of deadline checks after which the deadline passes; None to use `seconds`.
        kinds: the collections that it is for.
    """

    now: datetime = NOW
    seconds: float = 60
    checks: int | None = None
    batch_size: int = 10
    pause: float = 0.0
    percent: float = 95
    max_continuations: int = 2
    archive: Archive | None = None
    kinds: tuple[str, ...] = ("playbacks",)
    days: int = DAYS

    @property
    def deadline(self) -> Deadline:
        deadline = Deadline(time.monotonic() + self.seconds)
        return deadline if self.checks is None else CountedDeadline(deadline.at, iter(range(self.checks)))


def id_created_at(moment: datetime) -> ObjectId:
    """Return an `_id` that was created at this time."""
    return ObjectId(struct.pack(">IQ", int(moment.timestamp()), next(_NUMBERS)))


def documents_of(collection: Any, options: Options, kind: Kind = "playbacks") -> ExpiredDocuments:
    """Return the ExpiredDocuments of one collection, as a run builds it."""
    return ExpiredDocuments(collection, kind, Done(started_at=NOW, cutoff=CUTOFF, test_mode=False), options.deadline)


def outcome_of(
    database: Database[Document] | Sequence[object],
    event: Document | None,
    options: Options,
    started: list[Document] | None = None,
) -> Any:
    """Run on a database or on fakes and return the outcome; the event of a continuation is appended to `started`."""
    parsed, deadline = parse_event(CleanupEvent, event), options.deadline
    before = parsed.done_before(options.now, options.days, test_mode=parsed.runs_in_test_mode("production"))
    names = collection_names(test_mode=before.test_mode)
    if isinstance(database, Database):
        kinds = [kind for kind in POLICIES if kind in options.kinds and parsed.collection in {None, kind}]
        database = [ExpiredDocuments(database[getattr(names, kind)], kind, before, deadline) for kind in kinds]
    return Cleanup(
        event=parsed,
        before=before,
        collections=cast("Sequence[ExpiredDocuments]", database),
        purge=Purge(
            batch_size=options.batch_size, pause_seconds=options.pause, deadline=deadline, archive=options.archive
        ),
        deletion_limit_percent=options.percent,
        max_continuations=options.max_continuations,
        measure=lambda _: None,
        start=lambda following: None if started is None else started.append(following.payload()),
    ).run()


def clean_up(
    database: Database[Document] | Sequence[object],
    event: Document | None = None,
    *,
    started: list[Document] | None = None,
    failed: list[CleanupReport] | None = None,
    **options: Any,
) -> CleanupReport:
    """Return the report of a run; if it fails, append its report to `failed` and raise the error, as Job does."""
    outcome = outcome_of(database, event, Options(**options), started)
    if isinstance(outcome, Failed):
        if failed is not None:
            failed.append(outcome.report)
        raise outcome.failure.error
    report: CleanupReport = outcome.report
    return report


def answer(database: Database[Document], event: Document, **options: Any) -> Document:
    """Return what a step of the state machine answers; its failure is raised."""
    outcome = outcome_of(database, event, Options(**options))
    if isinstance(outcome, Failed):
        raise outcome.failure.error
    assert isinstance(outcome, Answered), outcome
    return dict(outcome.data)


def figures(report: CleanupReport) -> Document:
    """Return the summary's fields by their names in Python."""
    return dict(report.summary(metadata()).data)
