"""`joytify capacity`: forecast when the database will be full."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from joytify_cleanup.settings import CleanupSettings
from joytify_cli.capacity.chart import save_picture
from joytify_cli.capacity.measure import Measured, measure
from joytify_cli.capacity.model import ACTIVE, ALERT_SHARE, REGULAR, SHOWN_WEEKS, Model
from joytify_cli.capacity.view import show
from joytify_cli.database import Server
from joytify_cli.target import Where
from joytify_cli.terminal import CommandError, UsageError, echo_json
from joytify_common.errors import JobError
from joytify_common.settings import load_settings

DEFAULT_USERS, DEFAULT_ACTIVE_SHARE = 3500, 0.2

ActiveShare = Annotated[
    float | None, typer.Option(min=0, max=1, help="Share of the users who are active; default: 0.2")
]
RetentionDays = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=3650,
        help="Retention period in days; default: 60; with --measure and no --uri: the deployed CLEANUP_DAYS",
    ),
]
LimitMb = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Storage limit in MB (1,048,576 bytes); default: 512; with --measure and no --uri: the deployed "
        "STORAGE_LIMIT_MB",
    ),
]
IndexShare = Annotated[
    float | None, typer.Option(min=0, max=0.9, help="Share of the stored bytes that are indexes; default: 0.225")
]
Measure = Annotated[
    bool, typer.Option("--measure", help="Measure sizes and rates in the database, for an average user")
]


def capacity(
    *,
    users: Annotated[int | None, typer.Option(min=1, help="Number of users; default: 3,500, or as measured")] = None,
    active_share: ActiveShare = None,
    retention_days: RetentionDays = None,
    limit_mb: LimitMb = None,
    index_share: IndexShare = None,
    weeks: Annotated[int, typer.Option(min=4, max=1040, help="Number of weeks in the chart and the picture")] = 104,
    is_measured: Measure = False,
    png: Annotated[Path | None, typer.Option(help="Also write the chart to this PNG file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON and nothing else")] = False,
    server: Server,
    where: Where,
) -> None:
    """Show the storage per user, the users that fit into the limit, and when 80 % and all of it are used.

    Example: joytify capacity --users 3500 --active-share 0.2 --retention-days 60 --limit-mb 512
    """
    if is_measured and (active_share, index_share) != (None, None):
        raise UsageError("--measure takes sizes and rates from the database: omit --active-share and --index-share")
    if not is_measured and (server, where) != (Server(), Where()):
        raise UsageError("--uri, --database, --aws and the like select the database to measure: add --measure")
    share = DEFAULT_ACTIVE_SHARE if active_share is None else active_share
    model = Model(
        mix=[(ACTIVE, share), (REGULAR, 1 - share)],
        users=users or DEFAULT_USERS,
        retention_days=retention_days or Model.retention_days,
        limit_mb=limit_mb or Model.limit_mb,
        index_share=Model.index_share if index_share is None else index_share,
    )
    measured: Measured | None = None
    if is_measured:
        assumed = model if server.uri is not None else _as_deployed(model, where, retention_days, limit_mb)
        with server.open(where) as database:
            measured = measure(database, assumed, now=datetime.now(UTC))
        model = measured.model if users is None else replace(measured.model, users=users)
    if png is not None:
        save_picture(model, weeks, png)
    if as_json:
        echo_json(figures(model, measured))
    else:
        show(model, measured, weeks)


def _as_deployed(model: Model, where: Where, days: int | None, limit_mb: int | None) -> Model:
    """Return the model with the retention period and the limit of the deployed cleanup, unless they were given."""
    if days and limit_mb:
        return model
    try:
        target = where.target()
        settings = load_settings(CleanupSettings, target.function_settings("cleanup"))
    except (CommandError, JobError):
        # A database can also be measured where no pipeline is deployed.
        return model
    return replace(
        model,
        retention_days=days or settings.cleanup_days,
        limit_mb=limit_mb or settings.storage_limit_mb,
    )


def figures(model: Model, measured: Measured | None = None) -> dict[str, Any]:
    """Return the figures for `--json`, in bytes, weeks and days."""
    week = model.stable_week
    now = (
        {
            "usedBytes": measured.used,
            "growthBytesPerDay": measured.growth_per_day,
            "nextLevel": measured.next_level,
            "daysUntilNextLevel": measured.days_until_next_level,
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
                "beforeCleanupBytes": round(model.user_bytes(profile, week, weeks_since_cleanup=1)),
                "growthBytesPerWeek": round(model.weekly_growth(profile)),
                "mostUsers": model.max_users(model.user_bytes(profile, week)),
            }
            for profile, share in model.mix
        },
        "averageBytes": round(model.average_bytes(week)),
        "mostUsers": model.max_users(model.average_bytes(week)),
        "mostUsersBeforeCleanup": model.max_users(model.average_bytes(week, weeks_since_cleanup=1)),
        "mostUsersWithReserve": model.max_users(model.average_bytes(week), reserve=1 - ALERT_SHARE),
        "usedByWeek": {str(each): round(model.used(each)) for each in SHOWN_WEEKS},
        "dayOfAlert": model.day_reached(ALERT_SHARE),
        "dayFull": model.day_reached(1.0),
    }
