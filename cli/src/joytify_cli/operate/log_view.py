"""Draws log lines for people, in one block per run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from joytify_cli.operate.logs import TIMED_OUT, Line
from joytify_cli.terminal import console, local_time

STYLES = {"DEBUG": "dim", "INFO": "", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}
# The messages of our functions about a failed run.
RUN_FAILED = {"run failed", "messages could not be posted"}
INDENT = " " * 4
# Fields left out of nested data: the block already shows the time and the request id.
REPEATED = {"timestamp", "requestId", "logStream"}


@dataclass
class LogView:
    """Prints lines in the order in which `show` gets them, with a heading where the run changes.

    Attributes:
        level: the least severe level that is shown.
        request: beginning of the request id of the runs that are shown; empty for all.
        nested: whether nested data is shown.
        tracebacks: whether the traceback of a logged error is shown.
        shown: number of lines printed so far.
        reported: whether Lambda has reported the end of a run.
    """

    level: str = "DEBUG"
    request: str = ""
    nested: bool = True
    tracebacks: bool = True
    shown: int = 0
    reported: bool = False
    _run: str | None = None
    _explained_request: str | None = None
    _is_in_traceback: bool = False

    def show(self, line: Line) -> None:
        """Print the line, unless its level or run is not wanted."""
        self.reported = self.reported or line.kind == "report"
        # The heading and the report line replace the START and END lines.
        is_wanted = line.kind not in {"start", "end"} and line.is_at_least(self.level)
        if self._is_repeated(line) or not is_wanted or not line.request.startswith(self.request):
            return
        if line.request != self._run:
            self._run = line.request
            console.print(
                Text.assemble(("━━ ", "dim"), (local_time(line.time), "bold"), f"  {line.request or 'no run'}"),
                soft_wrap=True,
            )
        for part in draw(line, nested=self.nested, tracebacks=self.tracebacks):
            console.print(part, soft_wrap=True)
        self.shown += 1

    def _is_repeated(self, line: Line) -> bool:
        """Return whether the line is part of Lambda's own traceback of an error that our log has already reported."""
        if line.message in RUN_FAILED and "error" in line.fields:
            self._explained_request = line.request
        if line.kind in {"start", "report"}:
            # Lambda retries a run under the same request id.
            self._explained_request = None
        if (
            line.request != self._explained_request
            or line.kind != "line"
            or line.fields
            or TIMED_OUT.search(line.message)
        ):
            self._is_in_traceback = False
            return False
        begins = line.message.startswith(("[ERROR]", "Traceback (most recent call last):"))
        is_repeated = begins or self._is_in_traceback
        # CloudWatch stores a traceback as one event. The emulator stores each line as an event, so all lines until
        # the end of the run belong to the traceback.
        self._is_in_traceback = is_repeated and "\n" not in line.message
        return is_repeated


def draw(line: Line, *, nested: bool = True, tracebacks: bool = True) -> Iterator[Text]:
    """Yield the line, then lines for the rest of its text, its exception and nested data."""
    if line.kind == "report":
        yield Text(f"{INDENT}{line.message}", style="dim")
        return
    first, *rest = line.message.split("\n")
    local = f"{line.time.astimezone():%H:%M:%S}"
    plain = {key: value for key, value in line.fields.items() if not isinstance(value, dict | list) and value != ""}
    exception = str(plain.pop("exception", ""))
    style = "dim" if line.kind == "metrics" else STYLES[line.level]
    yield Text.assemble(
        (f"{INDENT}{local} {line.level:<7} ", "dim" if line.is_at_least("INFO") and not style else style),
        (first, style),
        ("  " + pairs(plain) if plain else "", "dim"),
    )
    rows = (*rest, *exception.splitlines()) if tracebacks else rest
    yield from (Text(f"{INDENT}  {row}", style=style) for row in rows)
    for key, value in line.fields.items():
        if nested and isinstance(value, dict | list):
            yield from _nested(key, value, INDENT + "  ")


def pairs(fields: Mapping[str, Any]) -> str:
    """Return the fields as `key=value`, without those that are null."""
    return "  ".join(f"{key}={value}" for key, value in fields.items() if value is not None)


def _nested(key: str, value: Any, indent: str) -> Iterator[Text]:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        for each in value:
            yield from _nested(key, each, indent)
        return
    if not isinstance(value, dict):
        yield Text(f"{indent}{key}: {value}", style="dim")
        return
    plain = {k: v for k, v in value.items() if k not in REPEATED and not isinstance(v, dict | list)}
    yield Text(f"{indent}{key}: {pairs(plain)}", style="dim")
    for inner, item in value.items():
        if isinstance(item, dict | list):
            yield from _nested(inner, item, indent + "  ")
