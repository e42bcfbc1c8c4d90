"""`joytify schedule`: show the next runs, change SCHEDULE_MODE, pause and resume rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Annotated, Literal

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table
from rich.text import Text

from joytify_cli.operate.rules import Rule, find_rules, next_runs, set_enabled
from joytify_cli.option_groups import App
from joytify_cli.secret_store import change_key, read_stored
from joytify_cli.target import Target, Where
from joytify_cli.terminal import Yes, confirm, console, find_zone, say
from joytify_common.errors import JobError
from joytify_common.secrets import SCHEDULE_MODES

app = App(help="Show, pause and switch the schedules.", no_args_is_help=True)

RULE = "Name of the rule with or without the prefix, such as weekly-cleanup"


@app.command()
def show(
    *,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Number of next runs to show per rule")] = 1,
    where: Where,
) -> None:
    """Show each rule, its state, and its next runs in the operators' time zone.

    Example: joytify schedule show --runs 3 --aws
    """
    target = where.target()
    values = _values(target)
    mode = None if values is None else schedule_mode(values)
    zone = operators_zone(values or {})
    rules = find_rules(target)
    if not rules:
        say(f"no rules in {target.place}: nothing runs by itself")
        return
    # With this border style, the table fits into 80 columns although each time includes the time zone.
    table = Table(
        Column("rule", no_wrap=True),
        Column("schedule (UTC)", no_wrap=True),
        "state",
        "next run",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for rule in rules:
        table.add_row(
            rule.name, rule.expression, _state(rule, mode), "\n".join(upcoming(rule, runs, zone, datetime.now(UTC)))
        )
    console.print(table)
    say(f"SCHEDULE_MODE is {mode or 'unknown'}: runs of a rule for the other mode are skipped")


@app.command("set")
def set_(
    mode: Annotated[Literal["production", "test_auto"], typer.Argument(help="Schedule to use from now on")],
    *,
    yes: Yes = False,
    where: Where,
) -> None:
    """Change SCHEDULE_MODE in the secret, and no other key.

    Example: joytify schedule set test_auto --aws
    """
    target = where.target()
    stored = read_stored(target)
    before = schedule_mode(stored.values)
    if before == mode:
        say(f"SCHEDULE_MODE is already {mode}; nothing was changed")
        return
    confirm(f"change SCHEDULE_MODE of {stored.name} in {target.place} from {before} to {mode}", yes=yes)
    change_key(target, stored, "SCHEDULE_MODE", mode)
    say(f"SCHEDULE_MODE is {mode} (was {before}); it takes effect with the next run")
    if before in SCHEDULE_MODES:
        say(f"to go back: joytify schedule set {before}{target.flags}")


@app.command()
def pause(
    rule: Annotated[str, typer.Argument(help=RULE)],
    *,
    yes: Yes = False,
    where: Where,
) -> None:
    """Disable a rule, until `resume` or the next `terraform apply`.

    Example: joytify schedule pause weekly-cleanup --aws
    """
    target = where.target()
    name = _find(target, rule).name
    confirm(f"pause {name} in {target.place}", yes=yes)
    set_enabled(target, name, enabled=False)
    say(f"{name} is paused until `joytify schedule resume {rule}{target.flags}` or the next `terraform apply`")


@app.command()
def resume(
    rule: Annotated[str, typer.Argument(help=RULE)],
    *,
    where: Where,
) -> None:
    """Enable a rule that was paused.

    Example: joytify schedule resume weekly-cleanup --aws
    """
    target = where.target()
    found = _find(target, rule)
    zone = operators_zone(_values(target) or {})
    set_enabled(target, found.name, enabled=True)
    enabled = replace(found, is_enabled=True)
    say(f"{found.name} is enabled; next: {', '.join(upcoming(enabled, 1, zone, datetime.now(UTC)))}")


def schedule_mode(values: Mapping[str, object]) -> str:
    """Return the secret's SCHEDULE_MODE, or its default."""
    return str(values.get("SCHEDULE_MODE") or "production")


def operators_zone(values: Mapping[str, object]) -> tzinfo:
    """Return the secret's DISCORD_TIMEZONE; UTC if it is missing or unknown."""
    return find_zone(str(values.get("DISCORD_TIMEZONE") or "UTC")) or UTC


def upcoming(rule: Rule, runs: int, zone: tzinfo, now: datetime) -> list[str]:
    """Return texts for the next runs of a rule."""
    if not rule.is_enabled:
        return ["never, while paused"]
    try:
        times = list(islice(next_runs(rule.expression, now), runs))
    except ValueError:
        return ["unknown"]
    # A rate counts from when the rule was enabled, which EventBridge does not report.
    within = rule.expression.removeprefix("rate(").removesuffix(")")
    return [f"{time.astimezone(zone):%a %Y-%m-%d %H:%M %Z}" for time in times] or [f"within {within}"]


def _state(rule: Rule, mode: str | None) -> Text | str:
    if not rule.is_enabled:
        return Text("paused", style="yellow")
    return "enabled" if mode is None or rule.acts_in(mode) else "skipped"


def _values(target: Target) -> Mapping[str, object] | None:
    """Return the secret's values; if they cannot be read, print a note and return None."""
    try:
        return read_stored(target).values
    except JobError as exc:
        say(f"{exc}: times are in UTC", "yellow")
        return None


def _find(target: Target, wanted: str) -> Rule:
    rules = {rule.name: rule for rule in find_rules(target)}
    return rules[target.find("rule", wanted, rules)]
