"""Messages of the pipeline's own jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from joytify_common.messages import (
    Chain,
    CleanupError,
    CleanupSummary,
    CleanupSummaryData,
    CollectionFigures,
    FanOut,
    Message,
    MonthlyStatsError,
    MonthlyStatsSummary,
    StatsFigures,
    StatsSummaryData,
    Storage,
    ThrottleFigures,
)
from joytify_discord.embed import Incident
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft, DraftField
from joytify_discord.rendering.job_failures import NOT_RETRIED, failure_fields, flags_of
from joytify_discord.rendering.links import log_stream_page
from joytify_discord.rendering.severity_levels import FAILURE, INFORMATION, PARTIAL, SUCCESS, WARNING, Severity
from joytify_discord.rendering.text import Authored, duration, number, percent, size, time_of

# The documents of a collection that were examined, by the name of the scope.
SCOPES = {
    "ordinary": "Examined: documents created before the cutoff; documents imported since then wait for the next sweep",
    "sweep": "Examined: every document",
}
# Why a run stopped, for people.
STOP_REASONS = {
    "deadline": "the time ran out",
    "deletion_limit": "the deletion limit was exceeded",
    "no_progress": "no batch fits into the time left",
    "continuations_exhausted": "all continuations are used up",
}
# Shorter pauses are not worth showing to an operator.
TELLING_PAUSE_MS = 10_000
BAR = 20


def job(message: Message, origin: Origin) -> Draft:
    """Return the draft for a message of one of the pipeline's own jobs."""
    match message:
        case MonthlyStatsSummary():
            return _stats_summary(message, origin)
        case MonthlyStatsError():
            return _stats_error(message, origin)
        case CleanupSummary():
            return _cleanup_summary(message, origin)
        case CleanupError():
            return _cleanup_error(message, origin)


def _stats_summary(message: MonthlyStatsSummary, origin: Origin) -> Draft:
    data = message.data
    severity, what = _stats_outcome(data)
    fields = [
        *_stats_figures(data),
        *_push_again(data, flags_of(message.source)),
        DraftField("Cleanup started", "yes" if data.cleanup_triggered else "no"),
    ]
    if data.cleanup_failure:
        fields.append(DraftField("Why cleanup was not started", data.cleanup_failure, inline=False))
    return _of_run(_draft(severity, f"Monthly statistics: {what}", message, origin, fields), message)


def _stats_error(message: MonthlyStatsError, origin: Origin) -> Draft:
    fields = [*failure_fields(message), *_stats_figures(message.data)]
    title = f"Monthly statistics failed at {message.data.stage}"
    return _of_run(_draft(FAILURE, title, message, origin, fields), message)


def _cleanup_summary(message: CleanupSummary, origin: Origin) -> Draft:
    data = message.data
    severity, what = _cleanup_outcome(data)
    figures = [
        DraftField("Deleted", f"{number(data.records_deleted)} of {number(data.total_records_found)}"),
        DraftField("Remaining", number(data.remaining_records)),
        DraftField("Complete", percent(data.completion_percentage)),
    ]
    fields = [
        *([] if data.dry_run else figures),
        DraftField("Older than", time_of(data.cutoff_date), inline=False),
        *map(_expired if data.dry_run else _collection, data.collections),
        DraftField("Started by", data.triggered_by),
    ]
    fields.extend(_cleanup_extras(data))
    return _of_run(_draft(severity, f"Cleanup: {what}", message, origin, fields), message, data.chain)


def _of_run(draft: Draft, message: Message, chain: Chain | None = None) -> Draft:
    """Return the draft with its incidents: the request, and the sequence of runs.

    Lambda's retries of a failed event edit the post of the failure; the runs of a sequence share a
    post.
    """
    failed_at = message.data.stage if isinstance(message, MonthlyStatsError | CleanupError) else ""
    # A run that failed at such a stage also sends a summary; SNS may deliver the two in any order.
    own = () if failed_at in NOT_RETRIED else (f"request {message.data.request_id}",)
    sequence = () if chain is None else (f"chain {chain.started_at.isoformat()}",)
    closes = not failed_at and not getattr(message.data, "continued", False)
    names = own + sequence if draft.is_alert else sequence + own
    return replace(draft, incident=Incident(names, closes=closes))


def _cleanup_extras(data: CleanupSummaryData) -> Iterator[DraftField]:
    if data.continued:
        yield DraftField("What next", "Cleanup continues automatically in another run.", inline=False)
    elif data.stop_reason in {"continuations_exhausted", "no_progress"}:
        yield DraftField("What next", "Cleanup does not continue automatically: invoke it again.", inline=False)
    if data.chain is not None:
        total = f"{number(data.chain.records_deleted)} deleted in {duration(data.chain.execution_time_ms)}"
        yield DraftField(f"All {data.continuation + 1} runs so far", total)
    if data.fan_out is not None:
        yield DraftField("Workers", _fan_out(data.fan_out, data.timestamp), inline=False)
    if data.archive is not None:
        yield DraftField("Archived before deletion", f"{number(data.archive.documents)} ({size(data.archive.bytes)})")
    if data.throttled is not None and data.throttled.paused_ms >= TELLING_PAUSE_MS:
        yield DraftField("Slowed down", _throttled(data.throttled), inline=False)
    if data.estimate is not None:
        estimate = f"{size(data.estimate.bytes)} in about {duration(data.estimate.seconds * 1000)}"
        yield DraftField("Would delete", estimate)
    if data.storage is not None:
        yield DraftField("Storage", _storage(data.storage), inline=False)


def _fan_out(fan_out: FanOut, ended: datetime) -> str:
    again = f", planned in {fan_out.rounds} rounds" if fan_out.rounds > 1 else ""
    took = duration((ended - fan_out.started_at).total_seconds() * 1000)
    return (
        f"{number(fan_out.records_deleted)} deleted in {number(fan_out.spans)} spans{again}, "
        f"up to {number(fan_out.workers)} concurrently; the longest took "
        f"{duration(fan_out.longest_ms)}, all of them {took}"
    )


def _throttled(throttled: ThrottleFigures) -> str:
    return (
        f"{number(throttled.times)} times, because the server took up to {throttled.slowdown:g} times as "
        f"long as usual; extra pauses of {duration(throttled.paused_ms)}"
    )


def _storage(storage: Storage) -> str:
    filled = min(BAR, round(storage.percent / 100 * BAR))
    bar = "█" * filled + "░" * (BAR - filled)
    text = f"{bar}\n{size(storage.used_bytes)} of {size(storage.limit_bytes)} ({percent(storage.percent)})"
    if storage.percent_before_next_cleanup is not None:
        text += f", about {percent(storage.percent_before_next_cleanup)} before the next cleanup"
    if storage.days_until_full is not None:
        text += f", full in about {storage.days_until_full:,.0f} days"
    return f"{text}: nearly full {WARNING.symbol}" if storage.alert else text


def _cleanup_error(message: CleanupError, origin: Origin) -> Draft:
    data = message.data
    fields = [
        *failure_fields(message),
        DraftField("Deleted before the error", number(data.records_deleted)),
        DraftField("Older than", time_of(data.cutoff_date)),
        *map(_collection, data.collections),
    ]
    if data.fan_out is not None:
        fields.append(DraftField("Workers", _fan_out(data.fan_out, data.timestamp), inline=False))
    return _of_run(_draft(FAILURE, f"Cleanup failed at {data.stage}", message, origin, fields), message, data.chain)


def _stats_outcome(data: StatsSummaryData) -> tuple[Severity, str]:
    month, notified = data.period or "", f"{number(data.users_updated)} users"
    left_out = f"; {number(data.users_skipped)} were skipped" if data.users_skipped else ""
    if data.skipped:
        return WARNING if left_out else INFORMATION, f"nothing to do, {data.skipped}{left_out}"
    if data.dry_run:
        return WARNING if left_out else INFORMATION, f"dry run for {month}, {notified} would be notified{left_out}"
    if data.continued:
        return PARTIAL, f"{month} continues, sent to {notified} so far{left_out}"
    if data.cleanup_failure or data.socket_failures:
        return WARNING, f"{month} sent to {notified}; some steps failed{left_out}"
    return WARNING if left_out else SUCCESS, f"{month} sent to {notified}{left_out}"


def _cleanup_outcome(data: CleanupSummaryData) -> tuple[Severity, str]:
    if data.skipped:
        return INFORMATION, f"nothing to do, {data.skipped}"
    if data.dry_run:
        return _dry_run_outcome(data)
    # The title shows the work of the whole sequence, not of one run.
    deleted = data.chain.records_deleted if data.chain else data.records_deleted
    if data.continued:
        return PARTIAL, f"{number(deleted)} records deleted so far, continuing"
    if data.stop_reason != "completed":
        why = STOP_REASONS[data.stop_reason]
        return WARNING, f"stopped: {why}; {number(data.remaining_records)} records remain"
    if data.storage is not None and data.storage.alert:
        return WARNING, f"{number(deleted)} records deleted, storage {percent(data.storage.percent)} full"
    return SUCCESS, f"{number(deleted)} records deleted" if deleted else "no expired records"


def _dry_run_outcome(data: CleanupSummaryData) -> tuple[Severity, str]:
    found = number(data.total_records_found)
    if data.stop_reason == "deletion_limit":
        return WARNING, f"dry run, the deletion limit would stop the run: {found} records have expired"
    return INFORMATION, f"dry run, {found} records would be deleted"


def _stats_figures(data: StatsFigures) -> Iterator[DraftField]:
    yield DraftField("Users with statistics", number(data.users_processed))
    yield DraftField("Notified", number(data.users_updated))
    if data.users_skipped:
        skipped = f"{number(data.users_skipped)}: their documents could not be used; the log has their ids"
        yield DraftField("Skipped", skipped, inline=False)
    if data.notification_adopted:
        yield DraftField("Notification", "existed before; users who had it were not notified again", inline=False)
    if data.statistics_built is not None:
        odd = f", {number(data.plays_skipped)} invalid documents were left out" if data.plays_skipped else ""
        yield DraftField("Built from plays", f"{number(data.statistics_built)} statistics{odd}", inline=False)
    yield DraftField("Pushed live", number(data.socket_users_notified))
    if data.socket_failures:
        why = f": {data.socket_failure}" if data.socket_failure else ""
        yield DraftField("Push failed", f"{number(data.socket_failures)}{why}", inline=False)


def _push_again(data: StatsSummaryData, flags: str) -> Iterator[DraftField]:
    """Yield the next step after failed pushes; after an error, Lambda's retry goes on by itself."""
    if data.socket_failures:
        mode = " --test-mode" if data.test_mode else ""
        command = f"`joytify invoke stats --period {data.period} --push-again{mode}{flags}`"
        text = f"To push again to everyone who has not viewed the notification: {command}"
        yield DraftField("What next", Authored(text), inline=False)


def _expired(figures: CollectionFigures) -> DraftField:
    value = f"{number(figures.found)} expired{_left_alone(figures)}"
    return DraftField(figures.name, value + _scope(figures), inline=False)


def _collection(figures: CollectionFigures) -> DraftField:
    value = f"{number(figures.deleted)} deleted, {number(figures.remaining)} remain{_left_alone(figures)}"
    return DraftField(figures.name, value + _scope(figures), inline=False)


def _left_alone(figures: CollectionFigures) -> str:
    undated = f", {number(figures.undated)} without a date left alone" if figures.undated else ""
    count = number(figures.unrecognized)
    other = f", {count} of an older schema or with an invalid date left alone" if figures.unrecognized else ""
    return undated + other


def _scope(figures: CollectionFigures) -> str:
    return "" if figures.scope is None else f"\n{SCOPES[figures.scope]}"


def _draft(severity: Severity, title: str, message: Message, origin: Origin, fields: list[DraftField]) -> Draft:
    data = message.data
    marks = ["TEST MODE"] if data.test_mode else []
    return Draft(
        severity=severity,
        title=title + "".join(f" [{mark}]" for mark in marks),
        fields=[*fields, DraftField("Took", duration(data.execution_time_ms))],
        footer=message.source,
        timestamp=data.timestamp,
        url=log_stream_page(origin.place, message.source, data.log_stream),
    )
