"""What every command shows in the same way: lines, errors, questions."""

from __future__ import annotations

import sys
from typing import NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

console = Console()
errors = Console(stderr=True)


class CommandError(Exception):
    """A command could not do its work; the text says what is wrong and what to do, and holds no secret."""


class UsageError(CommandError):
    """The command was called in a way that cannot work; the text says how it can."""


def fail(text: str, code: int = 1) -> NoReturn:
    """Print what is wrong and exit: 1 if something was found wrong, 2 if the command was used wrongly."""
    errors.print(f"error: {text}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def say(text: str, style: str = "") -> None:
    """Print one line as it is, however long."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone of an IANA name; None if there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return None


def can_ask() -> bool:
    """Return whether a person is there to answer."""
    return sys.stdin.isatty()


def confirm(what: str, *, otherwise: str = "say --yes") -> None:
    """Go on only if somebody agrees to what will be done.

    Raises:
        UsageError: nobody is there to ask.
        typer.Abort: the answer is no.
    """
    if not can_ask():
        raise UsageError(f"this would {what}: {otherwise}")
    typer.confirm(f"{what[0].upper()}{what[1:]}?", abort=True)
