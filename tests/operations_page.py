"""Reads docs/operations.md: its tables, and the session that an evening's work is recorded in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILE = Path("docs/operations.md")


def section(heading: str) -> str:
    """Return the text under a heading."""
    _, _, rest = FILE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def first_cells(heading: str) -> list[str]:
    """Return what stands in code in the first column of the section's table."""
    rows = [line.split("|")[1] for line in section(heading).splitlines() if line.startswith("| ")]
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


def session(heading: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of the section's session, with the lines that are shown of its output."""
    for block in re.findall(r"```console\n(.*?)```", section(heading), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def shows(shown: Sequence[str], actual: str) -> str | None:
    """Return the first line that is shown and not in the output, in order; None if there is none.

    Numbers, times and ids may differ, and `...` stands for any text or any lines.
    """
    lines = iter([masked(line) for line in actual.splitlines()])
    for line in shown:
        if line == "...":
            continue
        pattern = ".*".join(re.escape(masked(part)) for part in line.split("..."))
        if not any(re.fullmatch(pattern, each) for each in lines):
            return line
    return None


def masked(text: str) -> str:
    """Return the text without what differs from run to run."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b", "DAY", text)
    return re.sub(r"\d+", "0", text).rstrip()
