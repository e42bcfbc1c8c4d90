"""Draws the storage model for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Column, Table

from joytify_cli.capacity.chart import draw_chart
from joytify_cli.capacity.measure import Measured
from joytify_cli.capacity.model import ALERT_SHARE, BYTES_PER_MB, SHOWN_WEEKS, Model
from joytify_cli.terminal import console, counted, say


def show(model: Model, measured: Measured | None, weeks: int) -> None:
    """Print the bytes per user, the usage by week and the conclusions."""
    if measured is not None:
        for line in _now(measured):
            say(line)
    console.print(_per_user(model))
    for line in _conclusions(model, measured):
        say(line)
    if measured is None:
        # The chart assumes that all users begin on one day, which measured users did not.
        console.print(_by_week(model))
        say("MB just before each cleanup, by week; lines at the limit and at 80 % of it:")
        say(draw_chart(model, weeks))


def _now(measured: Measured) -> Iterator[str]:
    share = measured.used / measured.model.limit
    model = measured.model
    yield f"now: {_mb(measured.used)} MB of {model.limit_mb:,} MB ({share:.1%}), {model.users:,} users"
    if share >= 1:
        yield "the limit is reached or exceeded"
        return
    level = f"{measured.next_level:.0%} of the limit"
    if measured.growth_per_day is None:
        yield f"it is unknown when {level} will be reached: the growth could not be counted"
        return
    days = measured.days_until_next_level
    when = "is never reached" if days is None else f"is reached in {counted(round(days), 'day')}"
    yield f"{level} {when} at the current net growth: added in the last 7 days minus expiring in the next 7"


def _per_user(model: Model) -> Table:
    """Return a table of bytes per user, in the stable state."""
    week = model.stable_week
    names = [profile.name for profile, _ in model.mix]
    title = f"Bytes per user after {week} weeks, with a retention period of {model.retention_days} days"
    table = Table("", *(Column(name, justify="right") for name in names), title=title, title_justify="left")
    by_collection = [model.by_collection(profile, week) for profile, _ in model.mix]
    for kind in by_collection[0]:
        table.add_row(kind, *(f"{found[kind]:,.0f}" for found in by_collection))
    totals = [model.user_bytes(profile, week) for profile, _ in model.mix]
    indexes = [total * model.index_share for total in totals]
    table.add_row(f"indexes ({model.index_share:.1%} of all)", *(f"{each:,.0f}" for each in indexes))
    table.add_section()
    table.add_row("total", *(f"{total:,.0f}" for total in totals))
    fullest = (model.user_bytes(profile, week, weeks_since_cleanup=1) for profile, _ in model.mix)
    table.add_row("just before a cleanup", *(f"{each:,.0f}" for each in fullest))
    table.add_row("growth in each later week", *(f"{model.weekly_growth(profile):,.0f}" for profile, _ in model.mix))
    table.add_row("users that fit if all are of this kind", *(f"{model.max_users(total):,}" for total in totals))
    return table


def _by_week(model: Model) -> Table:
    right = [Column(name, justify="right") for name in ("week", "MB", "of the limit", "MB before cleanup")]
    table = Table(*right, title=f"{model.users:,} users who start together", title_justify="left")
    for week in SHOWN_WEEKS:
        used, fullest = model.used(week), model.used(week, weeks_since_cleanup=1)
        table.add_row(f"{week}", _mb(used), f"{used / model.limit:.0%}", _mb(fullest))
    return table


def _conclusions(model: Model, measured: Measured | None) -> Iterator[str]:
    week = model.stable_week
    average, fullest = model.average_bytes(week), model.average_bytes(week, weeks_since_cleanup=1)
    yield (
        f"On average {average / 1000:,.1f} kB per user after {week} weeks: {model.max_users(average):,} users fit "
        f"into {model.limit_mb:,} MB after a cleanup, {model.max_users(fullest):,} just before a cleanup, "
        f"{model.max_users(average, reserve=1 - ALERT_SHARE):,} with {1 - ALERT_SHARE:.0%} kept in reserve."
    )
    if measured is not None:
        return
    for share, what in ((ALERT_SHARE, f"{ALERT_SHARE:.0%} of the limit"), (1.0, "the limit")):
        day = model.day_reached(share)
        result = f"reach {what} on day {day:,}" if day is not None else f"do not reach {what} within 20 years"
        yield f"{model.users:,} users {result}."


def _mb(size: float) -> str:
    return f"{size / BYTES_PER_MB:,.1f}"
