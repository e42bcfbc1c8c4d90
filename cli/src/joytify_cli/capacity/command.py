"""`joytify capacity`: when will the database be full?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from math import floor
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from joytify_cleanup.settings import CleanupSettings
from joytify_cli.capacity.chart import draw_chart, save_picture
from joytify_cli.capacity.known_summary import rows
from joytify_cli.capacity.measure import Measured, measure
from joytify_cli.capacity.model import ACTIVE, BYTES_PER_MB, INDEX_SHARE, REGULAR, Model
from joytify_cli.database import Name, Uri, open_database
from joytify_cli.settings import given_settings
from joytify_cli.target import Aws, Environment, Project, find_target
from joytify_cli.terminal import CommandError, UsageError, console, say
from joytify_common.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_USERS, DEFAULT_ACTIVE_SHARE, DEFAULT_DAYS, DEFAULT_LIMIT_MB = 3500, 0.2, 60, 512
ALERT_SHARE = 0.8
SHOWN_WEEKS = (1, 2, 4, 6, 8, 9, 10, 26, 52, 104)

ActiveShare = Annotated[
    float | None, typer.Option(min=0, max=1, help="Share of the users who are active; default: 0.2")
]
RetentionDays = Annotated[
    int | None, typer.Option(min=1, max=3650, help="CLEANUP_DAYS; default: 60, with --measure cleanup's own")
]
LimitMb = Annotated[
    int | None,
    typer.Option(min=1, help="STORAGE_LIMIT_MB, of 1,048,576 bytes; default: 512, with --measure cleanup's own"),
]
IndexShare = Annotated[
    float | None, typer.Option(min=0, max=0.9, help="Share of the indexes in all that is stored; default: 0.225")
]
Measure = Annotated[
    bool, typer.Option("--measure", help="Take sizes and rates from the database, for one average user")
]
KnownSummary = Annotated[
    bool, typer.Option("--known-summary", help="Recompute the summary in the scheduler's old README")
]


def capacity(
    *,
    users: Annotated[int | None, typer.Option(min=1, help="How many users; default: 3,500, or those measured")] = None,
    active_share: ActiveShare = None,
    retention_days: RetentionDays = None,
    limit_mb: LimitMb = None,
    index_share: IndexShare = None,
    weeks: Annotated[int, typer.Option(min=4, max=1040, help="How many weeks the chart and the picture show")] = 104,
    is_measured: Measure = False,
    known_summary: KnownSummary = False,
    png: Annotated[Path | None, typer.Option(help="Write the chart as a picture, too")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON and nothing else")] = False,
    uri: Uri = None,
    database: Name = None,
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Show what users store, how many fit, and on which day 80 % is reached.

    Example: joytify capacity --users 3500 --active-share 0.2 --retention-days 60 --limit-mb 512
    """
    if is_measured and (known_summary or active_share is not None or index_share is not None):
        raise UsageError("--measure takes sizes and rates from the database: not with what assumes others")
    share = DEFAULT_ACTIVE_SHARE if active_share is None else active_share
    model = Model(
        mix=[(ACTIVE, share), (REGULAR, 1 - share)],
        users=users or DEFAULT_USERS,
        retention_days=retention_days or DEFAULT_DAYS,
        limit_mb=limit_mb or DEFAULT_LIMIT_MB,
        index_share=INDEX_SHARE if index_share is None else index_share,
    )
    measured: Measured | None = None
    if is_measured:
        where = Where(uri, database, aws=aws, project=project, environment=environment)
        measured = _measure(_as_deployed(model, where, retention_days, limit_mb), where)
        model = measured.model if users is None else replace(measured.model, users=users)
    if png is not None:
        _save(model, weeks, png)
    if as_json:
        found = [asdict(row) for row in rows(model)] if known_summary else figures(model, measured)
        typer.echo(json.dumps(found, indent=2))
    elif known_summary:
        _show_known_summary(model)
    else:
        _show(model, measured, weeks)


@dataclass(frozen=True)
class Where:
    """What is measured, as the user named it."""

    uri: str | None
    database: str | None
    aws: bool
    project: str
    environment: str


def _as_deployed(model: Model, where: Where, days: int | None, limit_mb: int | None) -> Model:
    """Return the model with the retention period and the limit of the deployed cleanup, unless they were given."""
    if where.uri is not None or (days and limit_mb):
        return model
    try:
        target = find_target(aws=where.aws, project=where.project, environment=where.environment)
        settings = given_settings(CleanupSettings, target.function_settings("cleanup"))
    except (CommandError, JobError):
        # A database without the pipeline beside it.
        return model
    return replace(
        model,
        retention_days=days or settings.cleanup_days,
        limit_mb=limit_mb or settings.storage_limit_mb,
    )


def _measure(model: Model, where: Where) -> Measured:
    with open_database(
        where.uri, where.database, aws=where.aws, project=where.project, environment=where.environment
    ) as target:
        return measure(target, model, alert_share=ALERT_SHARE, now=datetime.now(UTC))


def figures(model: Model, measured: Measured | None = None) -> dict[str, Any]:
    """Return all that the command shows, in bytes, weeks and days."""
    week = model.stable_week
    now = (
        {
            "usedBytes": measured.used,
            "growthBytesPerDay": measured.growth_per_day,
            "daysUntilAlert": measured.days_until_alert,
        }
        if measured
        else {}
    )
    return {
        "users": model.users,
        "retentionDays": model.retention_days,
        "limitBytes": model.limit,
        "indexShare": round(model.index_share, 4),
        **now,
        "stableWeek": week,
        "profiles": {
            profile.name: {
                "share": share,
                "documentBytes": {kind: round(size) for kind, size in model.by_collection(profile, week).items()},
                "stableBytes": round(model.user_bytes(profile, week)),
                "beforeCleanupBytes": round(model.user_bytes(profile, week, overdue_weeks=1)),
                "growthBytesPerWeek": round(model.weekly_growth(profile)),
                "mostUsers": model.most_users(model.user_bytes(profile, week)),
            }
            for profile, share in model.mix
        },
        "averageBytes": round(model.average_bytes(week)),
        "mostUsers": model.most_users(model.average_bytes(week)),
        "mostUsersBeforeCleanup": model.most_users(model.average_bytes(week, overdue_weeks=1)),
        "mostUsersWithReserve": model.most_users(model.average_bytes(week), reserve=1 - ALERT_SHARE),
        "usedByWeek": {str(each): round(model.used(each)) for each in SHOWN_WEEKS},
        "dayOfAlert": model.day_reached(ALERT_SHARE),
        "dayFull": model.day_reached(1.0),
    }


def _save(model: Model, weeks: int, file: Path) -> None:
    try:
        save_picture(model, weeks, ALERT_SHARE, file)
    except OSError as exc:
        raise CommandError(f"{file} could not be written: {exc.strerror}") from None


def _show(model: Model, measured: Measured | None, weeks: int) -> None:
    if measured is not None:
        for line in _now(measured):
            say(line)
    console.print(_per_user(model))
    console.print(_by_week(model))
    for line in _conclusions(model, measured):
        say(line)
    typer.echo(draw_chart(model, weeks, ALERT_SHARE))


def _now(measured: Measured) -> Iterator[str]:
    share = measured.used / measured.model.limit
    model = measured.model
    yield f"now: {_mb(measured.used)} MB of {model.limit_mb:,} MB ({share:.1%}), {model.users:,} users"
    if measured.growth_per_day is None:
        yield f"when {ALERT_SHARE:.0%} of the limit is reached is unknown: the growth could not be counted in time"
        return
    days = measured.days_until_alert
    when = "never at this rate" if days is None else f"in {days:,.0f} days at this rate"
    yield f"{ALERT_SHARE:.0%} of the limit is reached {when}"


def _per_user(model: Model) -> Table:
    """Return a table of bytes per user, in the stable state."""
    week = model.stable_week
    names = [profile.name for profile, _ in model.mix]
    title = f"Bytes of a user after {week} weeks, {model.retention_days} days kept"
    table = Table("", *(Column(name, justify="right") for name in names), title=title, title_justify="left")
    by_collection = [model.by_collection(profile, week) for profile, _ in model.mix]
    for kind in by_collection[0]:
        table.add_row(kind, *(f"{found[kind]:,.0f}" for found in by_collection))
    totals = [model.user_bytes(profile, week) for profile, _ in model.mix]
    indexes = [total * model.index_share for total in totals]
    table.add_row(f"indexes ({model.index_share:.1%} of all)", *(f"{each:,.0f}" for each in indexes))
    table.add_section()
    table.add_row("together", *(f"{total:,.0f}" for total in totals))
    fullest = (model.user_bytes(profile, week, overdue_weeks=1) for profile, _ in model.mix)
    table.add_row("just before a cleanup", *(f"{each:,.0f}" for each in fullest))
    table.add_row("growth a week from then on", *(f"{model.weekly_growth(profile):,.0f}" for profile, _ in model.mix))
    table.add_row("most users, all of this kind", *(f"{model.most_users(total):,}" for total in totals))
    return table


def _by_week(model: Model) -> Table:
    right = [Column(name, justify="right") for name in ("week", "MB", "of the limit", "MB before its cleanup")]
    table = Table(*right, title=f"{model.users:,} users who begin together", title_justify="left")
    for week in SHOWN_WEEKS:
        used, fullest = model.used(week), model.used(week, overdue_weeks=1)
        table.add_row(f"{week}", _mb(used), f"{used / model.limit:.0%}", _mb(fullest))
    return table


def _conclusions(model: Model, measured: Measured | None) -> Iterator[str]:
    week = model.stable_week
    average, fullest = model.average_bytes(week), model.average_bytes(week, overdue_weeks=1)
    yield (
        f"On average {average / 1000:,.1f} kB a user after {week} weeks: {model.most_users(average):,} users fit into "
        f"{model.limit_mb:,} MB, {model.most_users(fullest):,} also just before a cleanup, "
        f"{model.most_users(average, reserve=1 - ALERT_SHARE):,} with {1 - ALERT_SHARE:.0%} kept in reserve."
    )
    if measured is not None:
        # Its users did not begin together: what was said of its growth holds.
        return
    for share, what in ((ALERT_SHARE, f"{ALERT_SHARE:.0%} of the limit"), (1.0, "the limit")):
        day = model.day_reached(share)
        yield f"{model.users:,} users reach {what} {f'on day {day:,}' if day is not None else 'not within 20 years'}."


def _show_known_summary(model: Model) -> None:
    right = [Column(name, justify="right") for name in ("stated", "recomputed", "this model")]
    table = Table(Column("figure", no_wrap=True), *right, "", title="The known summary", title_justify="left")
    for row in rows(model):
        figures_ = (f"{each:,.1f}" if row.stated < 1000 else f"{floor(each):,}" for each in (row.own, row.ours))  # noqa: PLR2004 - users are whole
        table.add_row(row.what, f"{row.stated:,}", *figures_, "" if row.agrees else "wrong")
    console.print(table)
    say("recomputed: by the summary's own rules. Why it differs from itself, and from this model:")
    for remark in dict.fromkeys(row.remark for row in rows(model) if row.remark):
        say(f"- {remark}")


def _mb(size: float) -> str:
    return f"{size / BYTES_PER_MB:,.1f}"
