"""The bar that long commands show: how much, how fast, how long still."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from joytify_cli.terminal import console


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """Return the rate of all that is done."""
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{task.completed / seconds:,.0f}/s" if seconds else "", style="dim")


def progress_bar() -> Progress:
    """Return the bar; it begins when it is entered."""
    return Progress(
        TextColumn("{task.description:>13}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )
