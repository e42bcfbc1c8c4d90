"""Posts about runs of cleanup."""

from __future__ import annotations

from collections.abc import Iterator

from joytify_common.messages import (
    CleanupError,
    CleanupErrorData,
    CleanupSummary,
    CleanupSummaryData,
    CollectionFigures,
    Storage,
    ThrottleFigures,
)
from joytify_discord.embed import FAILURE, INFORMATION, PARTIAL, SUCCESS, WARNING, Severity
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft, DraftField
from joytify_discord.rendering.job_posts import failure_fields, run_draft
from joytify_discord.rendering.text import counted, duration, number, percent, size, time_of

# The documents of a collection that were examined, by the name of the scope.
SCOPES = {
    "ordinary": "Examined: documents created before the cutoff; the monthly run examines every document",
    "sweep": "Examined: every document",
}
# Why a run stopped, for people.
STOP_REASONS = {
    "deadline": "the time ran out",
    "deletion_limit": "the deletion limit was exceeded",
    "no_progress": "no document was examined",
    "continuations_exhausted": "all continuations are used up",
}
# Shorter pauses are not worth showing to an operator.
MIN_SHOWN_PAUSE_MS = 10_000
BAR = 20


def cleanup_run(message: CleanupSummary | CleanupError, origin: Origin) -> Draft:
    """Return the draft for the message of a cleanup run."""
    if isinstance(message, CleanupError):
        fields = [
            *failure_fields(message),
            DraftField("Deleted before the error", number(message.data.records_deleted)),
            DraftField("Older than", time_of(message.data.cutoff_date)),
            *map(_collection, message.data.collections),
            *_workers(message.data),
        ]
        return run_draft(FAILURE, f"Cleanup failed at {message.data.stage}", message, origin, fields)
    data = message.data
    severity, what = _outcome(data)
    figures = [
        DraftField("Deleted", f"{number(data.records_deleted)} of {number(data.total_records_found)}"),
        DraftField("Remaining", number(data.remaining_records)),
        DraftField("Complete", percent(data.completion_percentage)),
    ]
    fields = [
        *([] if data.dry_run else figures),
        DraftField("Older than", time_of(data.cutoff_date), inline=False),
        *(_collection(each, dry_run=data.dry_run) for each in data.collections),
        DraftField("Started by", data.triggered_by),
        *_extras(data),
    ]
    return run_draft(severity, f"Cleanup: {what}", message, origin, fields)


def _extras(data: CleanupSummaryData) -> Iterator[DraftField]:
    if data.continued:
        yield DraftField("What next", "Cleanup continues automatically in another run.", inline=False)
    elif data.stop_reason in {"continuations_exhausted", "no_progress"}:
        yield DraftField("What next", "Cleanup does not continue automatically: invoke it again.", inline=False)
    if data.chain is not None:
        total = f"{number(data.chain.records_deleted)} deleted in {duration(data.chain.execution_time_ms)}"
        yield DraftField(f"All {data.continuation + 1} runs so far", total)
    yield from _workers(data)
    if data.archive is not None:
        yield DraftField("Archived before deletion", f"{number(data.archive.documents)} ({size(data.archive.bytes)})")
    if data.throttled is not None and data.throttled.paused_ms >= MIN_SHOWN_PAUSE_MS:
        yield DraftField("Slowed down", _throttled(data.throttled), inline=False)
    if data.estimate is not None:
        estimate = f"{size(data.estimate.bytes)} in about {duration(data.estimate.seconds * 1000)}"
        yield DraftField("Would delete", estimate)
    if data.storage is not None:
        yield DraftField("Storage", _storage(data.storage), inline=False)


def _workers(data: CleanupSummaryData | CleanupErrorData) -> Iterator[DraftField]:
    if (fan_out := data.fan_out) is None:
        return
    again = f", planned in {fan_out.rounds} rounds" if fan_out.rounds > 1 else ""
    took = duration((data.timestamp - fan_out.started_at).total_seconds() * 1000)
    text = (
        f"{number(fan_out.records_deleted)} deleted in {number(fan_out.spans)} spans{again}, "
        f"up to {number(fan_out.workers)} workers concurrently; the longest worker run took "
        f"{duration(fan_out.longest_ms)}, the whole cleanup {took}"
    )
    yield DraftField("Workers", text, inline=False)


def _throttled(throttled: ThrottleFigures) -> str:
    return (
        f"{number(throttled.times)} times, because the server took up to {throttled.slowdown:g} times as "
        f"long as usual; extra pauses of {duration(throttled.paused_ms)} in total"
    )


def _storage(storage: Storage) -> str:
    filled = min(BAR, round(storage.percent / 100 * BAR))
    bar = "█" * filled + "░" * (BAR - filled)
    text = f"{bar}\n{size(storage.used_bytes)} of {size(storage.limit_bytes)} ({percent(storage.percent)})"
    if storage.percent_before_next_cleanup is not None:
        text += f", about {percent(storage.percent_before_next_cleanup)} before the next cleanup"
    is_full = storage.used_bytes >= storage.limit_bytes
    if storage.days_until_full is not None and not is_full:
        text += f", full in about {counted(round(storage.days_until_full), 'day')}"
    return f"{text}: {'full' if is_full else 'nearly full'} {WARNING.symbol}" if storage.alert else text


def _outcome(data: CleanupSummaryData) -> tuple[Severity, str]:
    if data.skipped:
        return INFORMATION, f"nothing to do, {data.skipped}"
    if data.dry_run:
        return _dry_run_outcome(data)
    # The title shows the work of the whole sequence, not of one run.
    deleted = data.chain.records_deleted if data.chain else data.records_deleted
    if data.continued:
        return PARTIAL, f"{counted(deleted, 'record')} deleted so far, continuing"
    if data.stop_reason != "completed":
        why = STOP_REASONS.get(data.stop_reason, data.stop_reason)
        return WARNING, f"stopped: {why}; remaining: {counted(data.remaining_records, 'record')}"
    if data.storage is not None and data.storage.alert:
        return WARNING, f"{counted(deleted, 'record')} deleted, storage {percent(data.storage.percent)} full"
    return SUCCESS, f"{counted(deleted, 'record')} deleted" if deleted else "no expired records"


def _dry_run_outcome(data: CleanupSummaryData) -> tuple[Severity, str]:
    found = counted(data.total_records_found, "record")
    if data.stop_reason == "deletion_limit":
        return WARNING, f"dry run, a real run would fail at the deletion limit: {found} expired"
    return INFORMATION, f"dry run, {found} would be deleted"


def _collection(figures: CollectionFigures, *, dry_run: bool = False) -> DraftField:
    text = f"{number(figures.deleted)} deleted, {number(figures.remaining)} remain"
    value = f"{number(figures.found)} expired" if dry_run else text
    if figures.undated:
        value += f", {number(figures.undated)} without a date were kept"
    if figures.unrecognized:
        value += f", {number(figures.unrecognized)} of an older schema or with an invalid date were kept"
    return DraftField(figures.name, f"{value}\n{SCOPES[figures.scope] if figures.scope else ''}".rstrip(), inline=False)
