"""The progress bar of long commands, with the rate and the time left."""

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
    """Shows the number of items per second."""

    def render(self, task: Task) -> Text:
        """Return the average rate since the start."""
        seconds = task.finished_time if task.finished else task.elapsed
        return Text(f"{task.completed / seconds:,.0f}/s" if seconds else "", style="dim")


def progress_bar() -> Progress:
    """Return a progress bar, to be used as a context manager."""
    return Progress(
        TextColumn("{task.description:>13}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )
