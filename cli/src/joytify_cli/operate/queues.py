"""`joytify queues`: show failed events, send them again or delete them."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from joytify_cli.operate import dead_letters
from joytify_cli.operate.dead_letters import DeadLetter
from joytify_cli.operate.invoke import EVENTS
from joytify_cli.option_groups import App
from joytify_cli.target import FUNCTIONS, FunctionName, Target, Where
from joytify_cli.terminal import CommandError, Yes, confirm, console, counted, echo_json, local_time, say
from joytify_common.aws import aws_errors
from joytify_common.errors import ConfigError, JobError
from joytify_common.events import parse_event

app = App(help="Show, retry and purge failed events.", no_args_is_help=True)

QUEUE = "Name of the queue with or without the prefix, such as cleanup-failed"
# Longer values are cut off: a message for Discord may be up to 256 KiB long.
SHOWN_CHARACTERS = 300


@app.command()
def show(
    queue: Annotated[str | None, typer.Argument(help=f"{QUEUE}; default: all")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the events as JSON and nothing else")] = False,
    where: Where,
) -> None:
    """Show the events in the queues: when and why each failed, and the event; nothing is removed.

    Example: joytify queues show cleanup-failed --aws
    """
    target = where.target()
    queues = dead_letters.find_queues(target) if queue is None else dict([dead_letters.find_queue(target, queue)])
    found = {name: list(dead_letters.read(target, url)) for name, url in queues.items()}
    if as_json:
        echo_json({name: [_shown_fields(letter) for letter in letters] for name, letters in found.items()})
        return
    if not queues:
        is_deployed = target.stack is None or target.stack.way == "deployed"
        why = "is the pipeline deployed completely?" if is_deployed else "only a deployed stack has queues"
        say(f"no queues in {target.place}; {why}")
    for name, letters in found.items():
        say(f"{name}: {len(letters) or 'empty'}")
        for letter in letters:
            table = Table("", Column("", overflow="fold"), show_header=False)
            for key, value in _shown_fields(letter).items():
                text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
                table.add_row(key, text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " ...")
            console.print(table)


@app.command()
def retry(
    queue: Annotated[str, typer.Argument(help=QUEUE)],
    *,
    yes: Yes = False,
    where: Where,
) -> None:
    """Send each event again to its function or state machine, and delete it from the queue.

    An event that the function would reject, or that cannot be sent, stays in the queue, and the command exits 1.

    Example: joytify queues retry discord-failed --aws
    """
    target = where.target()
    name, url = dead_letters.find_queue(target, queue)
    # The count is approximate, so the queue is read in any case.
    if not yes and (waiting := dead_letters.count(target, url)):
        confirm(f"send {counted(waiting, 'event')} in {name} of {target.place} again")
    sent, rejected, unsent = list[str](), 0, 0
    for letter in dead_letters.read(target, url):
        try:
            _check(target, name, letter)
        except ConfigError as exc:
            rejected += 1
            say(f"left in the queue: {exc}", "yellow")
            continue
        try:
            sent.append(_send(target, name, letter))
        except JobError as exc:
            unsent += 1
            say(f"left in the queue: {exc}", "yellow")
            continue
        say(f"sent to {sent[-1]}")
        dead_letters.delete(target, url, letter)
    logs = [f"`joytify tail {name} --follow{target.flags}`" for name in FUNCTIONS if _names_of(target, name) & {*sent}]
    say(f"{counted(len(sent), 'event')} sent again" + (f"; the result: {', '.join(logs)}" if logs else ""))
    _raise_if_left(name, rejected, unsent, f"joytify queues purge {queue}{target.flags}")


def _raise_if_left(queue: str, rejected: int, unsent: int, purge_command: str) -> None:
    """Say what to do with the events that are left.

    Raises:
        CommandError: events are left.
    """
    parts = []
    if unsent:
        parts.append(
            f"sending failed for {counted(unsent, 'event')}; fix the cause named above, then run this command again"
        )
    if rejected:
        advice = f"invoke the function with a corrected event, then delete every event that is left: `{purge_command}`"
        parts.append(f"would be rejected: {counted(rejected, 'event')}; {advice}")
    if parts:
        raise CommandError(f"left in {queue}: {'; '.join(parts)}")


@app.command()
def purge(
    queue: Annotated[str, typer.Argument(help=QUEUE)],
    *,
    yes: Yes = False,
    where: Where,
) -> None:
    """Delete all events in a queue, which ends its alarm; to see them first, use `show`.

    Example: joytify queues purge cleanup-failed --aws
    """
    target = where.target()
    name, url = dead_letters.find_queue(target, queue)
    if (waiting := dead_letters.count(target, url)) == 0:
        say(f"{name} is empty")
        return
    confirm(f"delete {counted(waiting, 'event')} in {name} of {target.place}", yes=yes)
    dead_letters.purge(target, url)
    say(f"{name} is empty; deleted: {counted(waiting, 'event')}")


def _names_of(target: Target, function: FunctionName) -> set[str]:
    """Return the names of the function, and of the state machine that runs it."""
    return {target.names.functions[function], *({target.names.fan_out} if function == "cleanup" else ())}


def _shown_fields(letter: DeadLetter) -> dict[str, Any]:
    facts = {"sent": local_time(letter.sent), "error": letter.error, "request": letter.request}
    event = "cannot be read" if letter.event is None else letter.event
    return {**{key: value for key, value in facts.items() if value}, "event": event}


def _function(target: Target, queue: str, letter: DeadLetter) -> str:
    """Return the deployed name of the function that an event is for; empty if it is unknown."""
    if letter.arn:
        return letter.arn.rpartition(":")[2]
    short = queue.removeprefix(f"{target.names.prefix}-").partition("-")[0]
    return {str(name): deployed for name, deployed in target.names.functions.items()}.get(short, "")


def _check(target: Target, queue: str, letter: DeadLetter) -> None:
    """Return only if the event can be sent, and its function would accept it.

    Raises:
        ConfigError: the event cannot be sent, or the function would reject it.
    """
    if letter.event is None:
        raise ConfigError("an event that cannot be read")
    if not letter.arn and not _function(target, queue, letter):
        raise ConfigError("an event that does not name its target")
    jobs = {target.names.functions[name]: EVENTS[name] for name in ("stats", "cleanup")}
    name = "" if ":stateMachine:" in letter.arn else _function(target, queue, letter)
    if name in jobs:
        parse_event(jobs[name], letter.event)


def _send(target: Target, queue: str, letter: DeadLetter) -> str:
    """Send the event again; return the name of the function or state machine."""
    payload = json.dumps(letter.event)
    if ":stateMachine:" in letter.arn:
        with aws_errors(f"state machine {letter.arn}", "Step Functions", not_found={"StateMachineDoesNotExist"}):
            target.client("stepfunctions").start_execution(stateMachineArn=letter.arn, input=payload)
        return letter.arn.rpartition(":")[2]
    name = _function(target, queue, letter)
    with aws_errors(f"function {name}", "Lambda", not_found={"ResourceNotFoundException"}):
        target.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=payload.encode())
    return name
