"""`joytify timeline`: runs, failures, alarms, failed events and deployments of all functions in one view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.text import Text

from joytify_cli.operate import dead_letters
from joytify_cli.operate.logs import Line, LogReader
from joytify_cli.operate.tail import parse_since
from joytify_cli.target import FUNCTIONS, NOT_FOUND, FunctionName, Target, Where
from joytify_cli.terminal import CommandError, console, counted, local_time, say
from joytify_common.aws import aws_errors
from joytify_common.errors import JobError

STYLES = {"failed": "bold red", "ALARM": "bold red", "given up": "red", "OK": "green", "deployed": "cyan"}
# The message that ends a run's log, and what the timeline calls it.
ENDINGS = {"run ended": "ran", "posted": "posted", "run failed": "failed", "messages could not be posted": "failed"}
# The figures that are shown for a run of stats or cleanup, most informative first.
FIGURES = (
    "skipped",
    "usersUpdated",
    "socketFailures",
    "socketFailure",
    "recordsDeleted",
    "stopReason",
    "continued",
    "dryRun",
    "testMode",
    "period",
)


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        at: when, UTC.
        who: a function, an alarm or a queue.
        what: `ran`, `answered`, `posted`, `failed`, `given up` (an event that nobody retries any more), `deployed`, or
            the state of an alarm.
        says: details, for people.
    """

    at: datetime
    who: str
    what: str
    says: str


def timeline(
    *,
    since: Annotated[str, typer.Option(help="How far back: 90s, 10m, 2h, 3d, 1w, or a time")] = "8h",
    where: Where,
) -> None:
    """Show runs, failures, alarms, failed events and deployments in order of time.

    Example: joytify timeline --since 1d --aws
    """
    began = parse_since(since, datetime.now(UTC))
    target = where.target()
    sources: list[Callable[[], Iterator[Event]]] = [
        *(partial(_runs, target, name, began) for name in FUNCTIONS),
        partial(_alarms, target, began),
        partial(_given_up, target),
        partial(_deployments, target),
    ]
    events: list[Event] = []
    faults: list[str] = []
    for source in sources:
        try:
            events += source()
        except JobError as exc:
            faults.append(str(exc))
            say(faults[-1], "yellow")
    shown = sorted((event for event in events if event.at >= began), key=lambda event: event.at)
    for event in shown:
        console.print(
            Text.assemble(
                (f"{local_time(event.at)}  ", "dim"),
                (f"{event.what:<9} ", STYLES.get(event.what, "")),
                (f"{event.who}  ", "bold"),
                event.says,
            ),
            soft_wrap=True,
        )
    if faults:
        raise CommandError(f"this list is incomplete: {counted(len(faults), 'source')} could not be read")
    if not shown:
        say(f"nothing has happened in {target.place} since {local_time(began)}")


def _runs(target: Target, function: FunctionName, began: datetime) -> Iterator[Event]:
    group = f"/aws/lambda/{target.names.functions[function]}"
    reader = LogReader(target.client("logs"), group, began, may_be_missing=target.stack is not None)
    for line in reader.read():
        what = ENDINGS.get(line.message, "failed" if line.kind == "line" and _is_lambdas_error(line) else "")
        if what:
            # `answered`: a self-test, or a plan or worker step of the state machine; only the caller gets the result.
            outcome = line.fields.get("outcome")
            is_answer = isinstance(outcome, dict) and not outcome.keys() & set(FIGURES)
            yield Event(line.time, function, "answered" if is_answer else what, said(line, function, target.flags))


def _is_lambdas_error(line: Line) -> bool:
    """Return whether the line is Lambda's own error about a run that timed out."""
    return line.level == "ERROR" and not line.fields and "Task timed out" in line.message


def said(line: Line, function: str, flags: str) -> str:
    """Return the details of a line that ends a run: its figures, or its error and the command that shows its log."""
    outcome = line.fields.get("outcome")
    fields = outcome if isinstance(outcome, dict) else line.fields
    if "error" in fields:
        parts = [str(fields["error"]), f"joytify tail {function} --request {line.request[:8]}{flags}"]
        return "; ".join(parts)
    figures = {key: len(value) if isinstance(value, list) else value for key, value in fields.items()}
    # A figure of 0 is shown.
    figures = {key: value for key, value in figures.items() if value is not None and value is not False}
    figures = {key: value for key, value in figures.items() if not isinstance(value, dict)}
    known = {key: figures[key] for key in FIGURES if key in figures}
    return "  ".join(f"{key}={value}" for key, value in (known or figures).items())


def _alarms(target: Target, began: datetime) -> Iterator[Event]:
    with aws_errors("alarms", "CloudWatch"):
        pages = (
            target.client("cloudwatch")
            .get_paginator("describe_alarm_history")
            .paginate(HistoryItemType="StateUpdate", StartDate=began, EndDate=datetime.now(UTC))
        )
        items = [item for page in pages for item in page["AlarmHistoryItems"]]
    own = target.names.alarms | target.names.fan_out_alarms
    for item in items:
        if item["AlarmName"] in own:
            says = str(item.get("HistorySummary", ""))
            state = says.rpartition(" to ")[2].rstrip(".") or "changed"
            yield Event(item["Timestamp"].astimezone(UTC), str(item["AlarmName"]), state, says)


def _given_up(target: Target) -> Iterator[Event]:
    for name, url in dead_letters.find_queues(target).items():
        for letter in dead_letters.read(target, url):
            yield Event(letter.sent, name, "given up", letter.error or "for an unknown reason")


def _deployments(target: Target) -> Iterator[Event]:
    for function in FUNCTIONS:
        name = target.names.functions[function]
        with aws_errors(f"function {name}", "Lambda", not_found=NOT_FOUND):
            found: Any = target.client("lambda").get_function_configuration(FunctionName=name)
        at = datetime.fromisoformat(found["LastModified"])
        yield Event(at, function, "deployed", f"{found['MemorySize']} MB, {found['Timeout']} s")
