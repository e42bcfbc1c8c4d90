"""`joytify tail`: show a function's log, formatted for people."""

from __future__ import annotations

import re
import time
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer

from joytify_cli.operate.log_view import LogView
from joytify_cli.operate.logs import Line, LogReader
from joytify_cli.target import FunctionName, Where
from joytify_cli.terminal import local_time, say
from joytify_common.errors import TransientError

POLL_SECONDS = 2.0
# CloudWatch has no earlier times.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def tail(
    function: Annotated[FunctionName, typer.Argument(help="Function whose log is shown")],
    *,
    since: Annotated[
        str | None,
        typer.Option(
            help="How far back: 90s, 10m, 2h, 3d, 1w, or a time such as 2026-11-01T02:00Z; "
            "default: 1h, or 5w with --request but not --follow"
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Continue until Ctrl-C")] = False,
    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        typer.Option(case_sensitive=False, help="The least severe level that is shown"),
    ] = "DEBUG",
    request: Annotated[str, typer.Option(help="Only runs whose request id begins with this text")] = "",
    where: Where,
) -> None:
    """Show a function's log, grouped by run.

    Example: joytify tail cleanup --since 8d --level WARNING
    """
    began = parse_since(since if since is not None else "5w" if request and not follow else "1h", datetime.now(UTC))
    target = where.target()
    group = f"/aws/lambda/{target.names.functions[function]}"
    reader = LogReader(target.client("logs"), group, began, may_be_missing=target.stack is not None)
    view = LogView(level, request)
    # Ctrl-C is the usual end of `--follow`.
    with suppress(KeyboardInterrupt) if follow else nullcontext():
        for line in in_blocks(list(reader.read())):
            view.show(line)
        if not view.shown and not follow:
            say(f"no matching lines since {local_time(began)} in {group} of {target.place}")
        while follow:
            time.sleep(POLL_SECONDS)
            try:
                for line in reader.read():
                    view.show(line)
            except TransientError as exc:
                say(f"{exc}; trying again", "yellow")


def parse_since(text: str, now: datetime) -> datetime:
    """Return the time in UTC for a duration before now, or for an ISO time.

    Raises:
        typer.BadParameter: it is neither.
    """
    if match := re.fullmatch(r"(\d+)([smhdw])", text):
        try:
            return max(EARLIEST, now - timedelta(**{UNITS[match[2]]: int(match[1])}))
        except (OverflowError, ValueError):
            return EARLIEST
    try:
        # A time without an offset is in this machine's zone.
        return max(EARLIEST, datetime.fromisoformat(text).astimezone(UTC))
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is neither a duration (90s, 10m, 2h, 3d, 1w) nor an ISO time (2026-11-01T02:00Z)",
            param_hint="--since",
        ) from None


def in_blocks(lines: list[Line]) -> list[Line]:
    """Return the lines grouped by run, with the runs in order of their first lines."""
    first: dict[str, int] = {}
    for position, line in enumerate(lines):
        first.setdefault(line.request, position)
    return sorted(lines, key=lambda line: first[line.request])
