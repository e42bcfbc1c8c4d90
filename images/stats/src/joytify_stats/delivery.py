"""Deliver a month's notification: create it, attach it page by page, and push it live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

from bson import ObjectId

from joytify_common.deadline import Deadline
from joytify_common.errors import JobError, PermanentError
from joytify_common.ids import BEGINNING
from joytify_stats.audience import Audience, Page, Recipients
from joytify_stats.backend import Backend
from joytify_stats.delivery_record import DeliveryProgress, DeliveryRecord
from joytify_stats.pages import Delivered, PageOutcome, PagePipeline, page_sizes
from joytify_stats.period import Period
from joytify_stats.pushes import Pushes, PushTotals
from joytify_stats.report import StatsReport

# A page that starts with less time left than PAGE_SECONDS or PAGE_SHARE of the run's time, whichever is less, is the
# last page of the run.
PAGE_SECONDS = 30.0
PAGE_SHARE = 0.2
# A run fails if it skips at least this many users, MongoDB rejects some of their updates, and nobody gets the
# notification: the users' documents are then not the cause.
MIN_REFUSED = 10
RECIPIENTS_UNKNOWN = "MongoDB did not report which users got the notification"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The delivery of one period in one run.

    Attributes:
        delivery_record: record of the period's notification and progress.
        audience: users with statistics for the period.
        backend: pushes the notification live.
        page_size: maximum number of users per update.
        push_size: maximum number of users per push.
        dry_run: whether nothing is written or pushed.
        now: when the run began, UTC.
    """

    period: Period
    delivery_record: DeliveryRecord
    audience: Audience
    backend: Backend
    page_size: int
    push_size: int
    deadline: Deadline
    dry_run: bool
    now: datetime

    def prepare(self, *, resend: bool, has_more: bool) -> DeliveryProgress:
        """Return the delivery's state; first restart a delivery that must be repeated, except in a dry run.

        Args:
            resend: whether another notification is sent if the period's notification has been deleted.
            has_more: whether more users are entitled than when the delivery was finished.
        """
        state = self.delivery_record.state()
        if state.deleted and resend:
            if self.dry_run:
                return DeliveryProgress()
            self.delivery_record.forget()
            return self.delivery_record.state()
        # Documents that were skipped may have been repaired.
        if state.finished and not state.deleted and (has_more or state.has_skipped):
            if not self.dry_run:
                self.delivery_record.restart()
            return replace(state, finished=False, after=BEGINNING)
        return state

    def run(self, state: DeliveryProgress, report: StatsReport) -> tuple[Delivered, StatsReport]:
        """Deliver the notification to entitled users who do not have it; errors are returned.

        Args:
            state: state of the delivery.
            report: the run's report so far.
        """
        created_at = self.period.notification_date(self.now)
        created, lock = list[ObjectId](), Lock()

        def create() -> ObjectId:
            # Several threads attach pages; one of them creates the notification. If that fails, the next one tries.
            with lock:
                if not created:
                    created.append(self.delivery_record.create(state.notification, created_at, self.now))
                return created[0]

        pushes = Pushes(self.backend, self.push_size, self.deadline)
        sizes = page_sizes(self.page_size)

        def record(last: object, outcome: PageOutcome) -> None:
            if not self.dry_run:
                sent, skipped = outcome.updated > 0, outcome.skipped > 0
                self.delivery_record.record_progress(last, sent=sent, skipped=skipped)

        pipeline = PagePipeline(
            read=lambda position: self.audience.next_page(position, next(sizes)),
            attach=partial(self._attach, create, state.held),
            notify=partial(self._notify, pushes),
            record=record,
            deadline=self.deadline,
            min_seconds_left=min(PAGE_SECONDS, self.deadline.remaining() * PAGE_SHARE),
        )
        with pushes:
            delivered = pipeline.run(state.after)
        notification = next(iter(created), state.notification)
        report = replace(report, notification=notification, pages=delivered.outcomes, pushes=pushes.totals)
        if (refusal := self._refusal(delivered, report)) is not None:
            # The next attempt must include the users who were refused.
            self.delivery_record.restart()
            return replace(delivered, failure=refusal), report
        if delivered.is_done and delivered.failure is None and notification is not None and not self.dry_run:
            self.delivery_record.record_finish(notification, self.now)
        return delivered, report

    def push_again(self, notification: ObjectId) -> tuple[PushTotals, bool]:
        """Push a notification to everyone who has it and has not viewed it, up to the first failure.

        A dry run only counts these users. Return the totals, and whether they cover all these users without a failure.
        """
        pushes, counted = Pushes(self.backend, self.push_size, self.deadline), 0
        after: Any = BEGINNING
        failure, is_last = "", False
        with pushes:
            try:
                while not is_last and not pushes.totals.failures and self.deadline.remaining() > 0:
                    users = self.audience.unviewed(notification, after, self.push_size)
                    is_last, counted = len(users) < self.push_size, counted + len(users)
                    if users:
                        after = users[-1]
                    if not self.dry_run:
                        pushes.start(users)
            except JobError as exc:
                failure = str(exc)
        totals = replace(pushes.totals, notified=counted) if self.dry_run else pushes.totals
        totals = replace(totals, failure=failure or totals.failure)
        return totals, is_last and not failure and not totals.failures

    def _notify(self, pushes: Pushes, recipients: Recipients) -> None:
        if not self.dry_run:
            pushes.start(recipients.users)
            if recipients.unknown:
                pushes.fail(recipients.unknown, RECIPIENTS_UNKNOWN)

    def _attach(self, create: Callable[[], ObjectId], held: Sequence[Any], page: Page) -> Recipients:
        pending = self.audience.pending(page.users, held)
        if self.dry_run or not pending.users:
            return pending
        notification = create()
        given = self.audience.attach(notification, pending.users, held)
        return replace(given, skipped=given.skipped + pending.skipped)

    def _refusal(self, delivered: Delivered, report: StatsReport) -> PermanentError | None:
        """Return the error of a delivery that gave nobody the notification (see `MIN_REFUSED`), or None."""
        refusals = [outcome.refusal for outcome in delivered.outcomes if outcome.refusal is not None]
        is_suspicious = delivered.is_done and bool(refusals) and report.users_skipped >= MIN_REFUSED
        if not is_suspicious or report.users_updated or report.notification is None:
            return None
        if self.audience.has_anyone(report.notification):
            return None
        text = f"no user could be given the notification: {refusals[-1]}; joytify doctor shows the cause"
        return PermanentError(text)
