"""Draws a function's answer: a table of its figures, and a table for each list in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

# A list of at most this many items is drawn with one column per item, so that the table fits a terminal 80 characters
# wide.
MAX_COLUMNS = 3


def draw_answer(payload: Any) -> Iterator[RenderableType]:  # noqa: ANN401 - JSON
    """Yield the tables of an answer, without its null figures."""
    if not isinstance(payload, dict):
        yield Text(str(payload))
        return
    table = Table("", "", show_header=False)
    for key, value in _flat(payload):
        table.add_row(key, _text(value))
    yield table
    for key, value in payload.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            yield _rows(key, value)


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None and not isinstance(value, list):
            yield prefix + key, value


def _rows(title: str, rows: list[dict[str, Any]]) -> Table:
    flat = [dict(_flat(row)) for row in rows]
    keys = list(dict.fromkeys(key for row in flat for key in row))
    if len(rows) <= MAX_COLUMNS:
        # A column for each row, so that the table fits a narrow terminal.
        table = Table("", *([""] * len(rows)), title=title, title_justify="left", show_header=False)
        for key in keys:
            table.add_row(key, *(_text(row.get(key)) for row in flat))
        return table
    table = Table(*keys, title=title, title_justify="left")
    for row in flat:
        table.add_row(*(_text(row.get(key)) for key in keys))
    return table


def _text(value: object) -> Text:
    """Return the value formatted for people; markup in it is not interpreted."""
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int | float):
        return Text(f"{value:,}")
    return Text("" if value is None else str(value))
