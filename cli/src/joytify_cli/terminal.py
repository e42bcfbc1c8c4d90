"""Terminal output and input that all commands share: lines, errors, questions."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime
from typing import IO, Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

# Characters that can move the cursor, set the title or the clipboard, or change the text direction.
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


# Exit code after Ctrl-C, as shells define it: 128 plus the number of SIGINT.
INTERRUPTED = 130


def safe(text: str) -> str:
    """Return the text with unsafe characters escaped; tabs and line breaks are kept."""
    return UNSAFE.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text)


class _Safe:
    """Renders text with its control characters escaped; those that rich itself emits stay."""

    def __init__(self, drawn: ConsoleRenderable) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._drawn, options):
            yield segment if segment.control else Segment(safe(segment.text), segment.style)


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Safe(drawn) for drawn in renderables]


def make_console(*, stderr: bool = False, file: IO[str] | None = None, force_terminal: bool | None = None) -> Console:
    """Return a console that does not interpret markup or emoji codes, and escapes control characters."""
    made = Console(stderr=stderr, file=file, force_terminal=force_terminal, markup=False, emoji=False, highlight=False)
    made.push_render_hook(_Hook())
    return made


Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]

console = make_console()
errors = make_console(stderr=True)


def echo_json(value: object) -> None:
    """Print JSON and nothing else."""
    # json.dumps escapes only the control characters below U+0020.
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo(UNSAFE.sub(lambda sign: f"\\u{ord(sign[0]):04x}" if sign[0] != "\n" else sign[0], text))


class CommandError(Exception):
    """A command could not do its work; the text says what is wrong and what to do, and holds no secret."""


class UsageError(CommandError):
    """The command was used wrongly; the text says how to use it."""


def fail(text: str, code: int = 1) -> NoReturn:
    """Print an error and exit with `code`: 1 for a failure, 2 for wrong usage, INTERRUPTED after Ctrl-C."""
    errors.print(f"error: {text}", style="bold red", soft_wrap=True)
    raise typer.Exit(code)


def say(text: str, style: str = "") -> None:
    """Print one line without wrapping it."""
    console.print(text, style=style, soft_wrap=True)


def local_time(time: datetime) -> str:
    """Return the time in this machine's time zone, with the zone's name."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S %Z}"


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone with an IANA name; None if the name is unknown."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or the plural: `1 event`, `2,000 events`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def can_ask() -> bool:
    """Return whether standard input is a terminal, so that a person can answer."""
    return sys.stdin.isatty()


def confirm(what: str, *, yes: bool = False, otherwise: str = "use --yes") -> None:
    """Ask for confirmation of an action unless `yes` is set, and return only if the answer is yes.

    Raises:
        UsageError: standard input is not a terminal.
        typer.Abort: the answer is no.
    """
    if yes:
        return
    if not can_ask():
        raise UsageError(f"this would {what}: {otherwise}")
    typer.confirm(f"{what[0].upper()}{what[1:]}?", abort=True)
