"""Checks of how it goes: last successes, alarms, dead-letter queues, schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from joytify_cli.operate.findings import Check, Finding, UnavailableError
from joytify_cli.operate.logs import LogReader
from joytify_cli.operate.rules import find_rules
from joytify_cli.operate.schedule import operators_zone, schedule_mode, upcoming
from joytify_common.aws import aws_errors
from joytify_common.heartbeat import LOOK_BACK, SUCCESSES, last_success

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joytify_cli.operate.checks.context import Context
    from joytify_cli.target import FunctionName

# Days without a success that are too many, as in terraform/alarms.tf.
LONGEST_SILENCE_DAYS: dict[FunctionName, int] = {"stats": 32, "cleanup": 8}
ALLOW = "let this identity read it (docs/operations.md, What doctor reads)"
NOT_EMBEDDED = "only a deployed stack has any"


def checks(context: Context) -> list[Check]:
    """Return the checks of what ran, what waits and what will run."""
    runs = [Check("last success", lambda name=name: _success(context, name), ALLOW) for name in LONGEST_SILENCE_DAYS]  # type: ignore[misc]
    return [
        *runs,
        Check("alarms", lambda: _alarms(context), ALLOW),
        Check("queues", lambda: _queues(context), ALLOW),
        Check("schedules", lambda: _schedules(context), ALLOW),
    ]


def _success(context: Context, function: FunctionName) -> Iterator[Finding]:
    context.settings(function)
    now, name = datetime.now(UTC), context.target.names.functions[function]
    last = last_success(context.target.client("cloudwatch"), name, now)
    if last is None and context.target.stack is not None:
        # The emulator makes no metrics of the lines that say so.
        last = _last_logged(context, name, now)
    limit = LONGEST_SILENCE_DAYS[function]
    since = "for 45 days" if last is None else f"since {last.astimezone(_zone(context)):%Y-%m-%d %H:%M %Z}"
    if last is None or now - last > timedelta(days=limit):
        action = f"joytify tail {function} --since 5w --level WARNING; then joytify invoke {function} --dry-run"
        yield Finding("last success", "wrong", f"{function}: none {since} (at most {limit} days)", action)
    else:
        yield Finding("last success", "ok", f"{function}: {last.astimezone(_zone(context)):%Y-%m-%d %H:%M %Z}")


def _last_logged(context: Context, name: str, now: datetime) -> datetime | None:
    reader = LogReader(context.target.client("logs"), f"/aws/lambda/{name}", now - LOOK_BACK)
    with aws_errors(f"log group {reader.group}", "CloudWatch Logs"):
        groups = reader.client.describe_log_groups(logGroupNamePrefix=reader.group)["logGroups"]
    lines = reader.read() if groups else iter(())
    return max((line.time for line in lines if line.kind == "metrics" and SUCCESSES in line.fields), default=None)


def _alarms(context: Context) -> Iterator[Finding]:
    context.need_aws()
    prefix = f"{context.target.names.prefix}-"
    with aws_errors("alarms", "CloudWatch"):
        pages = context.target.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
        found: list[dict[str, Any]] = [alarm for page in pages for alarm in page["MetricAlarms"]]
    if not found:
        _none(context, "alarms")
        yield Finding("alarms", "wrong", f"there are none named {prefix}...", "terraform apply (docs/deploy.md)")
    raised = [alarm for alarm in found if alarm["StateValue"] == "ALARM"]
    for alarm in raised:
        yield Finding(
            "alarms",
            "wrong",
            f"{alarm['AlarmName']}: {alarm.get('StateReason', '')}",
            "docs/operations.md says what each means",
        )
    if found and not raised:
        silent = sum(alarm["StateValue"] == "INSUFFICIENT_DATA" for alarm in found)
        yield Finding("alarms", "ok", f"none of {len(found)} is raised ({silent} have no data yet)")


def _queues(context: Context) -> Iterator[Finding]:
    context.need_aws()
    client, prefix = context.target.client("sqs"), f"{context.target.names.prefix}-"
    with aws_errors("queues", "SQS"):
        pages = client.get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
        urls = [url for page in pages for url in page.get("QueueUrls", [])]
        waiting = {url.rpartition("/")[2]: _messages(client, url) for url in urls}
    if not urls:
        _none(context, "queues")
        yield Finding("queues", "wrong", f"there are none named {prefix}...", "terraform apply (docs/deploy.md)")
    for name, count in waiting.items():
        if count:
            yield Finding(
                "queues", "wrong", f"{count} failed events in {name}", "docs/operations.md, A queue that is not empty"
            )
    if urls and not any(waiting.values()):
        yield Finding("queues", "ok", f"all {len(urls)} are empty")


def _messages(client: Any, url: str) -> int:  # noqa: ANN401 - boto3 makes its clients at run time
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def _schedules(context: Context) -> Iterator[Finding]:
    context.need_aws()
    rules = find_rules(context.target)
    if not rules:
        _none(context, "rules")
        yield Finding(
            "schedules", "wrong", "there are no rules: nothing runs by itself", "terraform apply (docs/deploy.md)"
        )
    mode = schedule_mode({"SCHEDULE_MODE": context.text("SCHEDULE_MODE", "production")})
    for rule in rules:
        if not rule.is_enabled:
            yield Finding("schedules", "wrong", f"{rule.name} is paused", f"joytify schedule resume {rule.name}")
            continue
        acts = "" if rule.acts_in(mode) else f", skipped while SCHEDULE_MODE is {mode}"
        yield Finding("schedules", "ok", f"{rule.name}: next {upcoming(rule, 1, _zone(context))[0]}{acts}")


def _zone(context: Context) -> Any:  # noqa: ANN401 - tzinfo
    return operators_zone({"DISCORD_TIMEZONE": context.text("DISCORD_TIMEZONE", "UTC")})


def _none(context: Context, what: str) -> None:
    """Go on only where there should be some.

    Raises:
        UnavailableError: the stack has none, by its nature.
    """
    if context.target.stack is not None and context.target.stack.way != "deployed":
        raise UnavailableError(f"{context.target.place} has no {what}; {NOT_EMBEDDED}")
