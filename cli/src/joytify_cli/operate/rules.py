"""Gateway: reads and switches the schedules' rules, and computes their next runs (EventBridge)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from croniter import croniter

from joytify_cli.target import NOT_FOUND, Target
from joytify_common.aws import aws_errors

# What terraform/schedules.tf adds to the description of a rule that it disables.
OFF_IN_TERRAFORM = "enable_schedules"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A schedule.

    Attributes:
        name: name of the rule.
        expression: `cron(...)` or `rate(...)`.
        is_enabled: whether the rule fires.
        events: event for each target, by the name of the function or state machine.
        is_off_in_terraform: whether Terraform disabled it (enable_schedules = false), as its description says.
    """

    name: str
    expression: str
    is_enabled: bool
    events: Mapping[str, Mapping[str, Any]]
    is_off_in_terraform: bool = False

    @property
    def modes(self) -> set[str]:
        """The values of SCHEDULE_MODE with which the rule's runs take place.

        Empty if they take place with every value.
        """
        return {mode for event in self.events.values() if (mode := event.get("scheduleMode"))}

    def acts_in(self, mode: str) -> bool:
        """Return whether the rule's runs take place while SCHEDULE_MODE is `mode`."""
        return not self.modes or mode in self.modes


def find_rules(target: Target) -> Sequence[Rule]:
    """Return the pipeline's rules, sorted by name.

    Raises:
        ConfigError: access is denied.
        TransientError: EventBridge could not be reached.
    """
    client = target.client("events")
    with aws_errors("rules", "EventBridge"):
        pages = client.get_paginator("list_rules").paginate(NamePrefix=f"{target.names.prefix}-")
        found = [rule for page in pages for rule in page["Rules"] if "ScheduleExpression" in rule]
        rules = [_rule(rule, client.list_targets_by_rule(Rule=rule["Name"])["Targets"]) for rule in found]
    # The prefix of prod also matches the names of the other environments.
    own = {*target.names.functions.values(), target.names.fan_out}
    return sorted((rule for rule in rules if own & rule.events.keys()), key=lambda rule: rule.name)


def set_enabled(target: Target, rule: str, *, enabled: bool) -> None:
    """Enable or disable a rule.

    Raises:
        ConfigError: there is no such rule, or access is denied.
        TransientError: EventBridge could not be reached.
    """
    client = target.client("events")
    with aws_errors(f"rule {rule}", "EventBridge", not_found=NOT_FOUND):
        (client.enable_rule if enabled else client.disable_rule)(Name=rule)


def _rule(rule: Mapping[str, Any], targets: Sequence[Mapping[str, Any]]) -> Rule:
    events = {str(target["Arn"]).rpartition(":")[2]: json.loads(target.get("Input") or "{}") for target in targets}
    is_enabled = str(rule.get("State", "")).startswith("ENABLED")
    return Rule(
        name=rule["Name"],
        expression=rule["ScheduleExpression"],
        is_enabled=is_enabled,
        events=events,
        is_off_in_terraform=not is_enabled and OFF_IN_TERRAFORM in str(rule.get("Description", "")),
    )


def next_runs(expression: str, after: datetime) -> Iterator[datetime]:
    """Yield the times at which a cron expression of EventBridge fires, UTC; nothing for a rate.

    A rate counts from when its rule was enabled, which EventBridge does not report.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html

    Args:
        expression: `cron(minute hour day-of-month month day-of-week year)`.
        after: a time, UTC.

    Raises:
        ValueError: it is neither a cron expression nor a rate, or never fires.
    """
    if re.fullmatch(r"rate\(\d+ \w+\)", expression):
        return
    match = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression)
    if match is None:
        raise ValueError(expression)
    minute, hour, day, month, weekday, year = match.groups()
    fields = (minute, hour, day.replace("?", "*"), month, _weekdays(weekday), "0", year)
    # For an expression that never fires (30 February), croniter raises a ValueError once it has
    # searched 50 years.
    yield from croniter(" ".join(fields), after).all_next(type(after))


def _weekdays(field: str) -> str:
    """Return EventBridge's field for the days of the week in croniter's notation.

    EventBridge counts from 1 (Sunday), croniter from 0; EventBridge's `6L` is croniter's `L5`.
    `L` alone is the last day of the week, Saturday.
    """
    if field == "L":
        return "6"
    shifted = re.sub(r"(?<![#/\d])\d", lambda digit: str(int(digit[0]) - 1), field)
    return re.sub(r"(\d)L", r"L\1", shifted).replace("?", "*")
