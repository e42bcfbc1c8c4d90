"""`joytify invoke`: call a function as an operator would."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Annotated, Any

import typer

from joytify_cleanup.event import CleanupEvent
from joytify_cli.operate.answer import draw_answer
from joytify_cli.operate.log_view import LogView
from joytify_cli.operate.logs import LogReader
from joytify_cli.target import (
    INVOKE,
    NOT_FOUND,
    Aws,
    Environment,
    FunctionName,
    Project,
    Target,
    find_target,
)
from joytify_cli.terminal import UsageError, can_ask, console, echo_json, errors, fail, say
from joytify_common.aws import aws_errors
from joytify_common.errors import ConfigError, JobError
from joytify_common.events import JobEvent, parse_event
from joytify_stats.month_end import StatsEvent
from joytify_stats.period import resolve_period

POLL_SECONDS, LAST_LINES_SECONDS = 1.0, 6.0
# The functions that accept each key of the event for which there is an option.
TAKES = {
    "period": {"stats"},
    "resend": {"stats"},
    "pushAgain": {"stats"},
    "sweep": {"cleanup"},
    "testMode": {"stats", "cleanup"},
    "dryRun": {"stats", "cleanup"},
}
OPTIONS = {
    "period": "--period",
    "resend": "--resend",
    "pushAgain": "--push-again",
    "sweep": "--sweep",
    "testMode": "--test-mode",
    "dryRun": "--dry-run",
}

# The event type of each function; discord accepts any event.
EVENTS: dict[str, type[JobEvent]] = {"stats": StatsEvent, "cleanup": CleanupEvent}

Event = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A function's answer.

    Attributes:
        payload: the function's result, or Lambda's description of its error.
        failed: whether the function raised an error.
    """

    payload: Any
    failed: bool


def invoke(
    function: Annotated[FunctionName, typer.Argument(help="Which function")],
    *,
    period: Annotated[
        str | None, typer.Option(help="stats: the month to notify users of, YYYY-MM; default: the last complete month")
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="stats: send another notification if the month's has been deleted")
    ] = False,
    push_again: Annotated[
        bool, typer.Option("--push-again", help="stats: only push again, to everyone who has not viewed it")
    ] = False,
    test_mode: Annotated[bool, typer.Option("--test-mode", help="Work on the test collections")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count and report, change nothing")] = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="cleanup: examine every document, as after an import")] = False,
    payload: Annotated[
        str, typer.Option(help="The event as a JSON object, or @FILE with the object; the options above are added")
    ] = "{}",
    is_async: Annotated[bool, typer.Option("--async", help="Queue the event and do not wait")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before something is deleted")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON and nothing else")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the tracebacks in the log, too")] = False,
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Call a function, show its log and its answer; exit 1 if it fails.

    Example: joytify invoke cleanup --sweep --dry-run
    """
    options = {
        "period": period,
        "resend": resend,
        "pushAgain": push_again,
        "sweep": sweep,
        "testMode": test_mode,
        "dryRun": dry_run,
    }
    event = make_event(function, payload, options)
    target = find_target(aws=aws, project=project, environment=environment)
    call = Call(target, function, quiet=as_json, verbose=verbose)
    if deletes(function, event) and not yes and not _confirmed(call, event):
        raise typer.Abort
    if is_async:
        _show_queued(call, call.queue(event))
        return
    answer = call.wait(event)
    if as_json:
        echo_json(answer.payload)
    _show(call, answer)


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
        raise typer.BadParameter(f"{payload[1:]}: {exc.strerror}", param_hint="--payload") from None
    except (ValueError, RecursionError) as exc:
        raise typer.BadParameter(f"it must be JSON: {exc}", param_hint="--payload") from None
    if not isinstance(event, dict):
        raise typer.BadParameter("it must be a JSON object", param_hint="--payload")
    given = {key: value for key, value in options.items() if value not in {None, False}}
    for key in given:
        if function not in TAKES[key]:
            allowed = " and ".join(sorted(TAKES[key]))
            raise typer.BadParameter(f"it applies to {allowed}, not to {function}", param_hint=OPTIONS[key])
    event |= given
    if function in EVENTS:
        _check_event(EVENTS[function], event, given)
    return event


def _check_event(event_type: type[JobEvent], event: Event, given: Mapping[str, Any]) -> None:
    """Reject an event that the function would reject, and name the option that is wrong."""
    try:
        parsed = parse_event(event_type, event)
        if isinstance(parsed, StatsEvent):
            resolve_period(parsed.period, datetime.now(UTC))
    except ConfigError as exc:
        text = str(exc).removeprefix("event: ")
        key = text.partition(":")[0]
        raise typer.BadParameter(text, param_hint=OPTIONS[key] if key in given else "--payload") from None


def deletes(function: str, event: Mapping[str, Any]) -> bool:
    """Return whether the run may delete in the production collections; stats starts cleanup."""
    harmless = any(
        event.get(key) is True for key in ("dryRun", "testMode", "heartbeat", "plan", "selfTest", "pushAgain")
    )
    return function in TAKES["dryRun"] and not harmless


@dataclass(frozen=True)
class Call:
    """Calls one function.

    Attributes:
        target: where it is.
        function: which.
        quiet: whether the function's log is hidden.
        verbose: whether the tracebacks in its log are shown.
    """

    target: Target
    function: FunctionName
    quiet: bool
    verbose: bool

    @property
    def name(self) -> str:
        """Deployed name of the function."""
        return self.target.names.functions[self.function]

    def queue(self, event: Event) -> str:
        """Queue the event with Lambda and return the request's id."""
        return str(self._invoke(event, "Event")["ResponseMetadata"]["RequestId"])

    def wait(self, event: Event) -> Answer:
        """Call the function and return its answer; meanwhile show a spinner and its log."""
        if self.quiet:
            return _answer(self._invoke(event, "RequestResponse"))
        reader = LogReader(self.target.client("logs"), f"/aws/lambda/{self.name}", datetime.now(UTC))
        view = LogView(nested=False, tracebacks=self.verbose)
        answers: Queue[Any] = Queue()
        # A daemon, since Ctrl-C must not wait for the answer.
        Thread(target=self._put_answer, args=(event, answers), daemon=True).start()
        try:
            with console.status(f"{self.name} runs in {self.target.place} ..."):
                while (response := _next(answers, POLL_SECONDS)) is None:
                    _show_log(reader, view)
                _show_last_lines(reader, view)
        except KeyboardInterrupt:
            say(f"\nthe run continues: joytify tail {self.function} --follow{self.target.flags}", "yellow")
            raise
        if isinstance(response, Exception):
            raise response
        return _answer(response)

    def _put_answer(self, event: Event, answers: Queue[Any]) -> None:
        try:
            answers.put(self._invoke(event, "RequestResponse"))
        except Exception as exc:  # noqa: BLE001 - raised again by whoever waits
            answers.put(exc)

    def _invoke(self, event: Event, kind: str) -> Any:  # noqa: ANN401 - boto3's response
        with aws_errors(f"function {self.name}", "Lambda", not_found=NOT_FOUND):
            client = self.target.client("lambda", INVOKE)
            response = client.invoke(FunctionName=self.name, InvocationType=kind, Payload=json.dumps(event).encode())
            return {**response, "Payload": response["Payload"].read()}


def _next(answers: Queue[Any], seconds: float) -> Any:  # noqa: ANN401 - boto3's response or an error
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return None


def _answer(response: Mapping[str, Any]) -> Answer:
    return Answer(json.loads(response["Payload"] or b"null"), "FunctionError" in response)


def _show_log(reader: LogReader, view: LogView) -> None:
    try:
        for line in reader.read():
            view.show(line)
    except JobError:
        # A function that has never run has no log group yet; its answer is enough.
        return


def _show_last_lines(reader: LogReader, view: LogView) -> None:
    """Show the rest of the run's log, which reaches CloudWatch some seconds after the answer."""
    until = time.monotonic() + LAST_LINES_SECONDS
    _show_log(reader, view)
    while not view.reported and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        _show_log(reader, view)


def _show_queued(call: Call, request: str) -> None:
    if call.quiet:
        echo_json({"requestId": request})
        return
    # The emulator runs the function under a request id other than the one it returns.
    only = "" if call.target.stack else f" --request {request}"
    say(f"queued, request {request}; its log: joytify tail {call.function} --follow{only}{call.target.flags}")


def _show(call: Call, answer: Answer) -> None:
    if answer.failed:
        error = answer.payload if isinstance(answer.payload, dict) else {}
        text = str(error.get("errorMessage") or answer.payload)
        fail(text if call.quiet else f"{text}\nits log: joytify tail {call.function} --since 15m{call.target.flags}")
    if not call.quiet:
        for part in draw_answer(answer.payload):
            console.print(part)


def _confirmed(call: Call, event: Event) -> bool:
    """Ask on standard error before production is changed, with a dry run on request."""
    question = f"{call.name} in {call.target.place} will change the PRODUCTION collections"
    if not can_ask():
        raise UsageError(f"{question}: use --yes, or try --dry-run first")
    errors.print(f"{question}. (d)ry run first, (y)es, (N)o?", soft_wrap=True)
    key = typer.getchar().lower()
    if key == "d":
        dry = call.wait({**event, "dryRun": True})
        if dry.failed:
            _show(call, dry)
        errors.print(*draw_answer(dry.payload), sep="\n")
        errors.print("That was the dry run. Run for real? (y)es, (N)o?")
        key = typer.getchar().lower()
    return key == "y"
