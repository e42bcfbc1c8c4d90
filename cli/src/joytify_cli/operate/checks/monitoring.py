"""Checks of the operation: last successes, alarms, dead-letter queues, schedules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial

from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.dead_letters import count, find_queues
from joytify_cli.operate.findings import Finding
from joytify_cli.operate.logs import LogReader
from joytify_cli.operate.schedule import upcoming
from joytify_cli.target import MAX_DAYS_WITHOUT_SUCCESS, FunctionName
from joytify_cli.terminal import counted, find_zone
from joytify_common.aws import aws_errors
from joytify_common.heartbeat import LOOK_BACK, SUCCESSES, last_success

ALLOW = "let this identity read it (docs/operations.md, What doctor reads)"


def _success(context: Context, *, function: FunctionName) -> Iterator[Finding]:
    context.settings(function)
    now, name = datetime.now(UTC), context.target.names.functions[function]
    last = last_success(context.target.client("cloudwatch"), name, now)
    if last is None and context.target.stack is not None:
        # The emulator does not turn the functions' log lines into metrics.
        last = _last_logged(context, name, now)
    limit = MAX_DAYS_WITHOUT_SUCCESS[function]
    if last is None and (context.target.stack is not None or not context.is_scheduled(name)):
        action = f"joytify invoke {function}{context.target.flags}, if you want a run"
        yield Finding("note", f"{function}: no success in the last {LOOK_BACK.days} days", action)
        return
    since = (
        f"for {LOOK_BACK.days} days" if last is None else f"since {last.astimezone(_zone(context)):%Y-%m-%d %H:%M %Z}"
    )
    if last is None or (now - last > timedelta(days=limit) and context.is_scheduled(name)):
        flags = context.target.flags
        log = f"joytify tail {function} --since 5w --level WARNING{flags}"
        action = f"{log}; then joytify invoke {function}{flags}"
        yield Finding("wrong", f"{function}: no success {since} (limit: {limit} days)", action)
    else:
        yield Finding("ok", f"{function}: {last.astimezone(_zone(context)):%Y-%m-%d %H:%M %Z}")


def _last_logged(context: Context, name: str, now: datetime) -> datetime | None:
    reader = LogReader(context.target.client("logs"), f"/aws/lambda/{name}", now - LOOK_BACK, may_be_missing=True)
    lines = (line for line in reader.read() if line.kind == "metrics" and SUCCESSES in line.fields)
    return max((line.time for line in lines), default=None)


def _alarms(context: Context) -> Iterator[Finding]:
    context.need_aws()
    names = context.target.names
    with aws_errors("alarms", "CloudWatch"):
        pages = (
            context.target.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=f"{names.prefix}-")
        )
        # prod's prefix is `joytify-`, which also matches `joytify-dev-...`.
        found = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
    own = {name: found[name] for name in sorted((names.alarms | names.fan_out_alarms) & found.keys())}
    yield from _missing(context, "alarms", names.alarms - own.keys())
    raised = [alarm for alarm in own.values() if alarm["StateValue"] == "ALARM"]
    for alarm in raised:
        says = f"{alarm['AlarmName']}: {alarm.get('StateReason', '')}"
        yield Finding("wrong", says, "docs/operations.md explains each alarm")
    if own and not raised:
        silent = sum(alarm["StateValue"] == "INSUFFICIENT_DATA" for alarm in own.values())
        yield Finding("ok", f"none of {len(own)} is raised ({silent} have no data yet)")


def _queues(context: Context) -> Iterator[Finding]:
    context.need_aws()
    target = context.target
    waiting = {name: count(target, url) for name, url in find_queues(target).items()}
    yield from _missing(context, "queues", target.names.queues - waiting.keys())
    for name, messages in waiting.items():
        if messages:
            short = name.removeprefix(f"{target.names.prefix}-")
            show, retry = (f"joytify queues {each} {short}{target.flags}" for each in ("show", "retry"))
            action = f"{show}; when the cause is fixed: {retry}"
            yield Finding("wrong", f"{counted(messages, 'failed event')} in {name}", action)
    if waiting and not any(waiting.values()):
        yield Finding("ok", f"all {len(waiting)} are empty")


def _schedules(context: Context) -> Iterator[Finding]:
    context.need_aws()
    target, mode = context.target, context.text("SCHEDULE_MODE", "production")
    rules = context.fetch_and_report("the rules could not be read", lambda: context.rules)
    yield from _missing(context, "rules", target.names.rules - {rule.name for rule in rules})
    for rule in rules:
        if rule.is_off_in_terraform:
            yield Finding("note", f"{rule.name} is disabled by Terraform (enable_schedules = false)")
        elif not rule.is_enabled and rule.name not in target.names.rules:
            yield Finding("note", f"{rule.name} is paused")
        elif not rule.is_enabled:
            action = f"joytify schedule resume {rule.name}{target.flags}"
            yield Finding("wrong", f"{rule.name} is paused", action)
        elif "production" in rule.modes and not rule.acts_in(mode):
            action = f"joytify schedule set production{target.flags}"
            yield Finding("wrong", f"{rule.name} is skipped while SCHEDULE_MODE is {mode}", action)
        else:
            next_run = upcoming(rule, 1, _zone(context), datetime.now(UTC))[0]
            skipped = "" if rule.acts_in(mode) else f", skipped while SCHEDULE_MODE is {mode}"
            yield Finding("ok", f"{rule.name}: next {next_run}{skipped}")


def _missing(context: Context, what: str, names: set[str]) -> Iterator[Finding]:
    """Yield a finding for each missing resource that Terraform should have created."""
    stack = context.target.stack
    if stack is not None and stack.way != "deployed":
        yield Finding("none", f"{context.target.place} has no {what}; only a deployed stack has {what}")
    else:
        for name in sorted(names):
            says = f"{name} is missing, or does not start a function" if what == "rules" else f"{name} is missing"
            yield Finding("wrong", says, "terraform apply (docs/deploy.md)")


def _zone(context: Context) -> tzinfo:
    return find_zone(context.text("DISCORD_TIMEZONE", "UTC")) or UTC


CHECKS = (
    *(Check(f"last {name}", partial(_success, function=name), ALLOW) for name in MAX_DAYS_WITHOUT_SUCCESS),
    Check("alarms", _alarms, ALLOW),
    Check("queues", _queues, ALLOW),
    Check("schedules", _schedules, ALLOW),
)
