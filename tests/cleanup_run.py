"""Runs the use case of cleanup on collections, with what it asks of others kept in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from factories import metadata

from joytify_cleanup.cleanup import Cleanup
from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.purge import Purge
from joytify_common.deadline import Deadline
from joytify_common.events import parse_event
from joytify_common.outcome import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joytify_cleanup.archive import Archive
    from joytify_cleanup.expired import ExpiredDocuments
    from joytify_cleanup.report import CleanupReport
    from joytify_cleanup.scope import Position
    from joytify_common.messages import Chain

NOW = CUTOFF = datetime(2026, 11, 1, 4, tzinfo=UTC)


@dataclass(frozen=True)
class CountedDeadline(Deadline):
    """Passes after a number of checks, however fast the machine is.

    Attributes:
        checks: an item for each check before it has passed.
    """

    checks: Iterator[int]

    def remaining(self) -> float:
        """Return a minute until it has passed."""
        return 0.0 if next(self.checks, None) is None else 60.0


def purge(
    event: CleanupEvent, deadline: Deadline, *, batch_size: int = 10, pause: float = 0.0, archive: Archive | None = None
) -> Purge:
    """Return the purge that an event asks for."""
    return Purge(
        batch_size=batch_size,
        pause_seconds=pause,
        max_delete_percent=95,
        allow_above_limit=event.allow_above_limit,
        sweep=event.sweep,
        dry_run=event.dry_run,
        deadline=deadline,
        archive=archive,
        span=event.time_range.span() if event.time_range else None,
    )


def clean_up(
    collections: Callable[[Deadline], Sequence[object]],
    *,
    event: dict[str, Any] | None = None,
    seconds: float = 60,
    checks: int | None = None,
    batch_size: int = 10,
    pause: float = 0.0,
    max_continuations: int = 2,
    archive: Archive | None = None,
    started: list[dict[str, Any]] | None = None,
    failed: list[CleanupReport] | None = None,
) -> CleanupReport:
    """Return the report of a run; its failure is raised, as the frame does.

    `collections` returns them, given the deadline, which passes after so many seconds, or checks. `started` gets the
    event of each continuation, `failed` the report of a run that failed.
    """
    deadline = Deadline(time.monotonic() + seconds)
    if checks is not None:
        deadline = CountedDeadline(deadline.at, iter(range(checks)))
    parsed = parse_event(CleanupEvent, event)

    def start(chain: Chain, positions: dict[str, Position]) -> None:
        following = {"chain": chain, "positions": positions, "continuation": parsed.continuation + 1}
        if started is not None:
            started.append(parsed.model_copy(update=following).payload())

    outcome = Cleanup(
        event=parsed,
        started_at=NOW,
        cutoff=CUTOFF,
        purge=purge(parsed, deadline, batch_size=batch_size, pause=pause, archive=archive),
        max_continuations=max_continuations,
        storage=lambda _seconds: None,
        forecast=lambda storage, _seconds: storage,
        start_continuation=start,
    ).run(cast("Sequence[ExpiredDocuments]", collections(deadline)))
    if isinstance(outcome, Failed):
        if failed is not None:
            failed.append(outcome.report)
        raise outcome.failure.error
    return outcome.report


def figures(report: CleanupReport) -> dict[str, Any]:
    """Return the summary's fields by their names in Python."""
    return dict(report.summary(metadata()).data)
