"""`joytify scale`: estimate the cost of cleanup as the data grows."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from joytify_cli.capacity.scale import ASSUMED_PER_SECOND, EXECUTION_LIMIT_HOURS, Scenario, max_playbacks
from joytify_cli.terminal import console, echo_json, say

SIZES = (10_000_000, 30_000_000, 100_000_000, 300_000_000, 1_000_000_000, 3_000_000_000, 10_000_000_000)
FIGURES = ("playbacks", "rate", "workers", "expired", "gigabytes", "tier", "rounds", "spans", "hours", "dollars")

Rate = Annotated[int, typer.Option(min=1, max=10_000_000, help="Records that one worker deletes per second")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Number of concurrent workers")]


def scale(*, rate: Rate = ASSUMED_PER_SECOND, workers: Workers = 1, as_json: AsJson = False) -> None:
    """Estimate duration and cost of a weekly cleanup by concurrent workers, for 10 million to 10 billion playbacks.

    Example: joytify scale --workers 8
    """
    scenarios = [Scenario(size, rate, workers) for size in SIZES]
    if as_json:
        echo_json([{name: getattr(each, name) for name in FIGURES} for each in scenarios])
        return
    console.print(_table(scenarios))
    most = max_playbacks(rate, workers) / 1e9
    say(
        f"one execution of the state machine is limited to {EXECUTION_LIMIT_HOURS:.0f} hours, "
        f"enough for the weekly cleanup of about {most:,.1f} billion stored playbacks"
    )


def _table(scenarios: list[Scenario]) -> Table:
    table = Table(
        *(
            Column(name, justify="right", no_wrap=True)
            for name in ("playbacks", "expired", "rounds", "spans", "hours", "dollars")
        ),
        Column("GB", justify="right", no_wrap=True),
        Column("Atlas", no_wrap=True),
        # The table fits into a terminal of 80 columns.
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    for each in scenarios:
        table.add_row(
            f"{each.playbacks / 1e6:,.0f} M",
            f"{each.expired / 1e6:,.1f} M",
            f"{each.rounds}",
            f"{each.spans:,}",
            f"{each.hours:,.2f}",
            f"{each.dollars:,.2f}",
            f"{each.gigabytes:,.0f}",
            each.tier,
        )
    return table
