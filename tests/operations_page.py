"""Reads docs/operations.md: its tables, and the shell session under "Example: a failed cleanup"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

FILE = Path("docs/operations.md")
MASKS = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "ID",
    r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ": "",
    r"\d{4}-\d\d-\d\d": "DATE",
    r"\d\d:\d\d(:\d\d)?": "TIME",
    r"(?<=TIME )[A-Z]{3,5}\b": "ZONE",
}


def section(heading: str) -> str:
    """Return the text under a heading."""
    _, _, rest = FILE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def first_cells(heading: str) -> list[str]:
    """Return the texts between backticks in the first column of the section's table."""
    rows = [line.split("|")[1] for line in section(heading).splitlines() if line.startswith("| ")]
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


def session(heading: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of the section's session, with the lines that are shown of its output."""
    for block in re.findall(r"```console\n(.*?)```", section(heading), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def first_difference(shown: Sequence[str], actual: str) -> str | None:
    """Return the first line of `shown` that is missing in `actual`, or a text with the first surplus line of `actual`.

    None if they agree.

    Times, time zones, dates, weekdays and ids may differ. Within a line, `...` stands for any text; a line that is only
    `...` stands for any number of lines.
    """
    lines, position, may_skip = actual.rstrip("\n").splitlines(), 0, False
    for line in shown:
        if line == "...":
            may_skip = True
            continue
        pattern = ".*".join(re.escape(masked(part)) for part in line.split("..."))
        found = [number for number in range(position, len(lines)) if re.fullmatch(pattern, masked(lines[number]))]
        if not found or (found[0] != position and not may_skip):
            return line
        position, may_skip = found[0] + 1, False
    return None if may_skip or position == len(lines) else f"expected no more output, got {lines[position]}"


def masked(text: str) -> str:
    """Return the text without what differs from run to run."""
    for pattern, name in MASKS.items():
        text = re.sub(pattern, name, text)
    return text.rstrip()
