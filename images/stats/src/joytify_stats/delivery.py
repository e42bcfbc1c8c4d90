"""A month's notification on its way to everyone entitled: created, attached page by page, pushed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from bson import ObjectId

from joytify_common.deadline import Deadline
from joytify_common.errors import PermanentError
from joytify_common.ids import BEGINNING
from joytify_stats.audience import Audience, Chunk, Recipients
from joytify_stats.backend import Backend
from joytify_stats.chunks import ChunkOutcome, ChunkPipeline, Delivered, Once, chunk_sizes
from joytify_stats.deliveries import Deliveries, DeliveryState
from joytify_stats.period import Period
from joytify_stats.pushes import Pushes, PushTotals
from joytify_stats.report import StatsReport

# No chunk is begun with less time than this left.
CHUNK_SECONDS = 30.0
CHUNK_SHARE = 0.2
# So many users whom MongoDB refuses, and nobody else, are not refused for what is in their documents.
LEAST_REFUSED = 10
NOBODY_SAID = "MongoDB did not say who got the notification"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The delivery of one period in one run.

    Attributes:
        deliveries: which notification is the period's, and how far it is.
        audience: who is entitled to it.
        backend: pushes it live.
        chunk_size: most users per update.
        push_size: most users per push.
        dry_run: whether nothing is written or pushed.
        now: when the run began, UTC.
    """

    period: Period
    deliveries: Deliveries
    audience: Audience
    backend: Backend
    chunk_size: int
    push_size: int
    deadline: Deadline
    dry_run: bool
    now: datetime

    def state(self, *, resend: bool, has_more: bool) -> DeliveryState:
        """Return how far the delivery is; one that has to be made again begins anew, except in a dry run.

        Args:
            resend: whether another notification is sent if the period's has been deleted.
            has_more: whether more users are entitled than when it was finished.
        """
        state = self.deliveries.state()
        if state.deleted and resend:
            if self.dry_run:
                return DeliveryState()
            self.deliveries.forget()
            return self.deliveries.state()
        # Documents that were skipped may have been repaired.
        if state.finished and not state.deleted and (has_more or state.has_skipped):
            if not self.dry_run:
                self.deliveries.restart()
            return replace(state, finished=False, after=BEGINNING)
        return state

    def run(self, state: DeliveryState, report: StatsReport) -> tuple[Delivered, StatsReport]:
        """Give the notification to everyone entitled who has not got it; errors are returned, not raised.

        Args:
            state: how far the delivery is.
            report: of the run before this.
        """
        created_at = self.period.notification_date(self.now)
        create = Once(partial(self.deliveries.create, state.notification, created_at, self.now))
        pushes = Pushes(self.backend, self.push_size, self.deadline)
        sizes = chunk_sizes(self.chunk_size)

        def record(last: object, outcome: ChunkOutcome) -> None:
            if not self.dry_run:
                sent, skipped = outcome.updated > 0, outcome.skipped > 0
                self.deliveries.record_progress(last, sent=sent, skipped=skipped)

        pipeline = ChunkPipeline(
            read=lambda position: self.audience.next_chunk(position, next(sizes)),
            attach=partial(self._attach, create, state.held),
            notify=partial(self._notify, pushes),
            record=record,
            deadline=self.deadline,
            seconds_per_chunk=min(CHUNK_SECONDS, self.deadline.remaining() * CHUNK_SHARE),
        )
        with pushes:
            delivered = pipeline.run(state.after)
        notification, created = create.result or (state.notification, False)
        report = replace(
            report,
            notification=notification,
            created=created,
            chunks=delivered.outcomes,
            pushes=pushes.totals,
        )
        if (refusal := self._refusal(delivered, report)) is not None:
            # The next attempt must not begin behind those who were refused.
            self.deliveries.restart()
            return replace(delivered, failure=refusal), report
        if delivered.is_done and delivered.failure is None and notification is not None and not self.dry_run:
            self.deliveries.record_finish(notification, self.now)
        return delivered, report

    def push_again(self, notification: ObjectId) -> tuple[PushTotals, bool]:
        """Push a notification to everyone who has it and has not viewed it; it is on their lists already.

        Returns:
            The result of the pushes, and whether the time was enough for all users.
        """
        pushes, users = Pushes(self.backend, self.push_size, self.deadline), [notification]
        after: Any = BEGINNING
        with pushes:
            while users and self.deadline.remaining() > 0:
                users = self.audience.unviewed(notification, after, self.push_size)
                pushes.start(users)
                after = users[-1] if users else after
        return pushes.totals, not users

    def _notify(self, pushes: Pushes, recipients: Recipients) -> None:
        if not self.dry_run:
            pushes.start(recipients.users)
            pushes.lose(recipients.unknown, NOBODY_SAID)

    def _attach(self, create: Once[tuple[ObjectId, bool]], held: Sequence[Any], chunk: Chunk) -> Recipients:
        pending = self.audience.pending(chunk.users, held)
        if self.dry_run or not pending.users:
            return pending
        notification, _ = create()
        given = self.audience.attach(notification, pending.users, held)
        return replace(given, skipped=given.skipped + pending.skipped)

    def _refusal(self, delivered: Delivered, report: StatsReport) -> PermanentError | None:
        """Return the error of a delivery in which MongoDB refused everyone: the cause is no user's document."""
        refusals = [outcome.refusal for outcome in delivered.outcomes if outcome.refusal is not None]
        is_suspicious = delivered.is_done and refusals and report.users_skipped >= LEAST_REFUSED
        if not is_suspicious or report.users_updated or report.notification is None:
            return None
        if self.audience.has_anyone(report.notification):
            return None
        return PermanentError(f"nobody could be given the notification: {refusals[-1]}; joytify doctor says why")
