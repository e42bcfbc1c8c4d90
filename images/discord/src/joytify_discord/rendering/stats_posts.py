"""Posts about runs of stats."""

from __future__ import annotations

from collections.abc import Iterator

from joytify_common.messages import MonthlyStatsError, MonthlyStatsSummary, StatsFigures, StatsSummaryData
from joytify_discord.embed import FAILURE, INFORMATION, PARTIAL, SUCCESS, WARNING, Severity
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft, DraftField
from joytify_discord.rendering.job_posts import failure_fields, run_draft, run_flags
from joytify_discord.rendering.text import Authored, counted, number


def stats_run(message: MonthlyStatsSummary | MonthlyStatsError, origin: Origin) -> Draft:
    """Return the draft for the message of a stats run."""
    if isinstance(message, MonthlyStatsError):
        fields = [*failure_fields(message), *_figures(message.data)]
        return run_draft(FAILURE, f"Monthly statistics failed at {message.data.stage}", message, origin, fields)
    data = message.data
    severity, what = _outcome(data)
    fields = [
        *_figures(data),
        *_push_again(message),
        DraftField("Cleanup started", "yes" if data.cleanup_triggered else "no"),
        DraftField("Why cleanup was not started", data.cleanup_failure or "", inline=False),
    ]
    return run_draft(severity, f"Monthly statistics: {what}", message, origin, fields)


def _outcome(data: StatsSummaryData) -> tuple[Severity, str]:
    month, notified = data.period or "", counted(data.users_updated, "user")
    left_out = f"; {counted(data.users_skipped, 'user')} skipped" if data.users_skipped else ""
    if data.skipped:
        return WARNING if left_out else INFORMATION, f"nothing to do, {data.skipped}{left_out}"
    if data.dry_run:
        return WARNING if left_out else INFORMATION, f"dry run for {month}, {notified} would be notified{left_out}"
    if data.continued:
        return PARTIAL, f"{month} continues, sent to {notified} so far{left_out}"
    if data.cleanup_failure or data.socket_failures:
        return WARNING, f"{month} sent to {notified}; some steps failed{left_out}"
    return WARNING if left_out else SUCCESS, f"{month} sent to {notified}{left_out}"


def _figures(data: StatsFigures) -> Iterator[DraftField]:
    yield DraftField("Users with statistics", number(data.users_processed))
    yield DraftField("Notified", number(data.users_updated))
    if data.users_skipped:
        skipped = f"{number(data.users_skipped)}: their documents could not be used; the log has their ids"
        yield DraftField("Skipped", skipped, inline=False)
    if data.notification_adopted:
        yield DraftField("Notification", "existed before; users who had it were not notified again", inline=False)
    if data.statistics_built is not None:
        odd = f", {number(data.plays_skipped)} invalid documents were left out" if data.plays_skipped else ""
        yield DraftField(
            "Built from plays", f"statistics of {counted(data.statistics_built, 'user')}{odd}", inline=False
        )
    yield DraftField("Pushed live", number(data.socket_users_notified))
    if data.socket_failures:
        why = f": {data.socket_failure}" if data.socket_failure else ""
        yield DraftField("Push failed", f"{number(data.socket_failures)}{why}", inline=False)


def _push_again(message: MonthlyStatsSummary) -> Iterator[DraftField]:
    """Yield the next step if pushes failed; only for summaries, since a failed run's post has the error's next step."""
    if message.data.socket_failures:
        command = f"`joytify invoke stats --period {message.data.period} --push-again{run_flags(message)}`"
        text = f"To push again to everyone who has not viewed the notification: {command}"
        yield DraftField("What next", Authored(text), inline=False)
