"""`joytify scale`: what cleanup costs as the data grows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import plotille
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from joytify_cleanup.server import ASSUMED_PER_SECOND
from joytify_cli.capacity.scale import EXECUTION_LIMIT_HOURS, Scenario, Simulated, most_playbacks, simulate
from joytify_cli.terminal import console, say

SIZES = (10_000_000, 30_000_000, 100_000_000, 300_000_000, 1_000_000_000, 3_000_000_000, 10_000_000_000)
WIDTH, HEIGHT = 60, 12

Rate = Annotated[float, typer.Option(min=1, help="Records that one worker deletes in a second")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON")]
Capacity = Annotated[int, typer.Option(min=1, max=1000, help="Workers at once that the cluster is faster with")]


def scale(*, rate: Rate = ASSUMED_PER_SECOND, capacity: Capacity = 1, as_json: AsJson = False) -> None:
    """Simulate a week's divided cleanup from 10 million to 10 billion playbacks.

    Example: joytify scale --capacity 8
    """
    scenarios = [Scenario(size, rate, capacity) for size in SIZES]
    rows = [(each, simulate(each)) for each in scenarios]
    if as_json:
        told = [
            {**asdict(each), "expired": each.expired, "gigabytes": each.gigabytes, "tier": each.tier, **asdict(found)}
            for each, found in rows
        ]
        typer.echo(json.dumps(told, indent=2))
        return
    console.print(_table(rows))
    say(_curve(rows))
    most = most_playbacks(rate, capacity) / 1e9
    say(f"an execution may take {EXECUTION_LIMIT_HOURS:.0f} hours: enough for about {most:,.1f} billion playbacks")


def _table(rows: list[tuple[Scenario, Simulated]]) -> Table:
    table = Table(
        *(
            Column(name, justify="right", no_wrap=True)
            for name in ("playbacks", "expired", "ranges", "rounds", "workers", "longest", "hours", "dollars")
        ),
        Column("GB", justify="right", no_wrap=True),
        Column("Atlas", no_wrap=True),
        # Eighty columns hold it.
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    for each, found in rows:
        table.add_row(
            f"{each.playbacks / 1e6:,.0f} M",
            f"{each.expired / 1e6:,.1f} M",
            f"{found.ranges:,}",
            f"{found.rounds}",
            f"{found.workers}",
            f"{found.longest_seconds:,.0f} s",
            f"{found.hours:,.2f}",
            f"{found.dollars:,.2f}",
            f"{each.gigabytes:,.0f}",
            each.tier,
        )
    return table


def _curve(rows: list[tuple[Scenario, Simulated]]) -> str:
    figure = plotille.Figure()
    figure.width, figure.height = WIDTH, HEIGHT
    figure.x_label, figure.y_label = "billion playbacks", "hours"
    figure.with_colors = False
    figure.x_ticks_fkt = lambda low, _: f"{low:.1f}"
    figure.y_ticks_fkt = lambda low, _: f"{low:.1f}"
    figure.set_x_limits(0, rows[-1][0].playbacks / 1e9)
    figure.set_y_limits(0, rows[-1][1].hours)
    figure.plot([each.playbacks / 1e9 for each, _ in rows], [found.hours for _, found in rows])
    return str(figure.show())
