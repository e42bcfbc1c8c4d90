"""`joytify invoke`: call a function as an operator would."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from joytify_cleanup.event import CleanupEvent
from joytify_cli.operate.answer import draw_answer
from joytify_cli.operate.call import Answer, Call, Event
from joytify_cli.target import (
    FunctionName,
    Where,
)
from joytify_cli.terminal import UsageError, can_ask, console, echo_json, errors, fail, say
from joytify_common.errors import ConfigError
from joytify_common.events import JobEvent, parse_event
from joytify_stats.month_end import StatsEvent

# For each event key that has an option: the option, and the functions that accept it.
OPTIONS = {
    "period": ("--period", {"stats"}),
    "resend": ("--resend", {"stats"}),
    "pushAgain": ("--push-again", {"stats"}),
    "sweep": ("--sweep", {"cleanup"}),
    "testMode": ("--test-mode", {"stats", "cleanup"}),
    "dryRun": ("--dry-run", {"stats", "cleanup"}),
}

# The event type of each function; discord accepts any event.
EVENTS: dict[str, type[JobEvent]] = {"stats": StatsEvent, "cleanup": CleanupEvent}


Period = Annotated[
    str | None, typer.Option(help="stats: the month to notify users of, YYYY-MM; default: the last complete month")
]
Resend = Annotated[
    bool, typer.Option("--resend", help="stats: send another notification if the month's notification has been deleted")
]
PushAgain = Annotated[
    bool, typer.Option("--push-again", help="stats: only push the notification again, to all who have not viewed it")
]
TestMode = Annotated[bool, typer.Option("--test-mode", help="Work on the test collections")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count and report, change nothing")]
Sweep = Annotated[bool, typer.Option("--sweep", help="cleanup: examine every document; needed after an import")]


def invoke(
    function: Annotated[FunctionName, typer.Argument(help="Which function")],
    *,
    period: Period = None,
    resend: Resend = False,
    push_again: PushAgain = False,
    test_mode: TestMode = False,
    dry_run: DryRun = False,
    sweep: Sweep = False,
    payload: Annotated[
        str, typer.Option(help="The event as a JSON object, or @FILE with the object; the options above are added")
    ] = "{}",
    is_async: Annotated[bool, typer.Option("--async", help="Queue the event and do not wait")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before production is changed")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON and nothing else")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the tracebacks in the log, too")] = False,
    where: Where,
) -> None:
    """Call a function, show its log and its answer; exit 1 if it fails.

    Example: joytify invoke cleanup --sweep --dry-run
    """
    options = dict(zip(OPTIONS, (period, resend, push_again, sweep, test_mode, dry_run), strict=True))
    event = make_event(function, payload, options)
    if function == "discord" and not event:
        raise UsageError("discord posts the event: give the message with --payload")
    if is_async and event.get("pushAgain"):
        raise UsageError("--push-again cannot be combined with --async: only a caller that waits gets its result")
    target = where.target()
    call = Call(target, function, quiet=as_json, verbose=verbose)
    if changes_production(function, event) and not yes and not _confirmed(call, event):
        raise typer.Abort
    if is_async:
        _show_queued(call, call.queue(event))
        return
    answer = call.wait(event)
    if as_json:
        echo_json(answer.payload)
    _show(call, event, answer)


def make_event(function: str, payload: str, options: Mapping[str, Any]) -> Event:
    """Return the event: the payload with the given options added.

    Args:
        function: for which function.
        payload: JSON, or `@` and the name of a file that holds it.
        options: keys of the event and their values.

    Raises:
        typer.BadParameter: the event is invalid, or an option does not apply to the function.
    """
    try:
        event = json.loads(Path(payload[1:]).read_text(encoding="utf-8") if payload.startswith("@") else payload)
    except OSError as exc:
        raise typer.BadParameter(f"{payload[1:]!r}: {exc.strerror}", param_hint="--payload") from None
    except (ValueError, RecursionError) as exc:
        raise typer.BadParameter(f"it must be JSON: {exc}", param_hint="--payload") from None
    if not isinstance(event, dict):
        raise typer.BadParameter("it must be a JSON object", param_hint="--payload")
    given = {key: value for key, value in options.items() if value not in {None, False}}
    for key in given:
        option, functions = OPTIONS[key]
        if function not in functions:
            allowed = " and ".join(sorted(functions))
            raise typer.BadParameter(f"it applies to {allowed}, not to {function}", param_hint=option)
    event |= given
    if function in EVENTS:
        _check_event(EVENTS[function], event, given)
    return event


def _check_event(event_type: type[JobEvent], event: Event, given: Mapping[str, Any]) -> None:
    """Reject an event that the function would reject, and name the option that is wrong."""
    try:
        parse_event(event_type, event)
    except ConfigError as exc:
        text = str(exc).removeprefix("event: ")
        key, _, problem = text.partition(": ")
        if key in given:
            raise typer.BadParameter(problem, param_hint=OPTIONS[key][0]) from None
        # An error without a key is about a combination of keys.
        combined = [OPTIONS[each][0] for each in given if not problem and each in text]
        raise typer.BadParameter(text, param_hint=" and ".join(combined) or "--payload") from None


def changes_production(function: str, event: Mapping[str, Any]) -> bool:
    """Return whether the event may change production.

    True for stats and cleanup, unless the event is a dry run, a test run, a heartbeat, a plan or a self-test.
    """
    harmless = any(event.get(key) is True for key in ("dryRun", "testMode", "heartbeat", "plan", "selfTest"))
    return function in EVENTS and not harmless


def _show_queued(call: Call, request: str) -> None:
    if call.quiet:
        echo_json({"requestId": request})
        return
    # The emulator runs the function under a request id other than the one it returns.
    only = "" if call.target.stack else f" --request {request}"
    say(f"queued, request {request}; its log: joytify tail {call.function} --follow{only}{call.target.flags}")


def _show(call: Call, event: Event, answer: Answer) -> None:
    if answer.failed:
        error = answer.payload if isinstance(answer.payload, dict) else {}
        text = str(error.get("errorMessage") or answer.payload)
        fail(text if call.quiet else f"{text}\nits log: joytify tail {call.function} --since 15m{call.target.flags}")
    if not call.quiet:
        for part in draw_answer(answer.payload):
            console.print(part)
    fields = answer.payload if isinstance(answer.payload, dict) else {}
    if fields.get("isComplete") is False or fields.get("socketFailures"):
        test_mode = " --test-mode" if event.get("testMode") else ""
        again = f"joytify invoke stats --period {fields.get('period')} --push-again{test_mode}{call.target.flags}"
        fail(
            "the push did not reach everyone; fix the cause if the log names it, then push again to all who have not "
            f"viewed the notification: {again}"
        )


def _confirmed(call: Call, event: Event) -> bool:
    """Ask on standard error before production is changed, with a dry run on request."""
    does = (
        "push to all PRODUCTION users who have not viewed the notification"
        if event.get("pushAgain")
        else "change the PRODUCTION collections"
    )
    question = f"{call.name} in {call.target.place} will {does} (if SCHEDULE_MODE is production)"
    if not can_ask():
        raise UsageError(f"{question}: use --yes, or try --dry-run first")
    answer = _ask(f"{question}. (d)ry run first, (y)es, (N)o?")
    if answer == "d":
        dry = call.wait({**event, "dryRun": True})
        if dry.failed:
            _show(call, event, dry)
        errors.print(*draw_answer(dry.payload), sep="\n")
        answer = _ask("That was the dry run. Run for real? (y)es, (N)o?")
    return answer == "y"


def _ask(question: str) -> str:
    """Return the first letter of the answer; empty after Enter alone or Ctrl-D."""
    errors.print(question, end=" ", soft_wrap=True)
    try:
        return input().strip().lower()[:1]
    except EOFError:
        return ""
