"""Draws the storage forecast as a text chart for the terminal and as a PNG."""

from __future__ import annotations

from pathlib import Path

import plotille

from joytify_cli.capacity.model import ALERT_SHARE, BYTES_PER_MB, EXPIRING, FIXED, FOR_GOOD, Model
from joytify_cli.extras import missing_extras
from joytify_cli.terminal import CommandError

WIDTH, HEIGHT = 66, 14
COLORS = ("#4c72b0", "#55a868", "#c44e52", "#b0b0b0")
LAYERS = {"users, statistics": FIXED, "playbacks, sessions": EXPIRING, "kept for good": FOR_GOOD}


def draw_chart(model: Model, weeks: int) -> str:
    """Return a text chart of the MB used before each cleanup, with limit and alert level."""
    figure = plotille.Figure()
    figure.width, figure.height = WIDTH, HEIGHT
    figure.x_label, figure.y_label = "week", "MB"
    figure.with_colors = False
    figure.x_ticks_fkt = figure.y_ticks_fkt = _tick
    used = [model.used(week, weeks_since_cleanup=1) / BYTES_PER_MB for week in range(weeks + 1)]
    figure.set_x_limits(0, weeks)
    figure.set_y_limits(0, 1.1 * max(*used, model.limit_mb))
    figure.plot(range(weeks + 1), used, label="used")
    for share in (1.0, ALERT_SHARE):
        figure.plot([0, weeks], [share * model.limit_mb] * 2)
    return str(figure.show())


def _tick(low: float, _: float) -> str:
    return f"{low:,.0f}"


def save_picture(model: Model, weeks: int, file: Path) -> None:
    """Write the same chart as a PNG, with the used bytes broken down by collections.

    Raises:
        UsageError: matplotlib is not installed.
        CommandError: the file cannot be written.
    """
    with missing_extras():
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and slow to import
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    axis = range(weeks + 1)
    layers = {name: [_layer(model, kinds, week) for week in axis] for name, kinds in LAYERS.items()}
    documents = [sum(heights) for heights in zip(*layers.values(), strict=True)]
    layers["indexes"] = [height * model.index_share / (1 - model.index_share) for height in documents]
    axes.stackplot(axis, list(layers.values()), labels=list(layers), colors=COLORS)
    axes.axhline(model.limit_mb, color="black", label=f"limit, {model.limit_mb:,} MB")
    axes.axhline(ALERT_SHARE * model.limit_mb, color="black", linestyle="--", label=f"{ALERT_SHARE:.0%} of it")
    axes.set(xlabel="week", ylabel="MB, just before each cleanup", xlim=(0, weeks), ylim=(0, None))
    axes.set_title(f"{model.users:,} users, {model.retention_days} days kept")
    figure.legend(loc="outside right upper", frameon=False)
    # Omit matplotlib's version, so that the same model always gives the same file.
    try:
        figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    except OSError as exc:
        raise CommandError(f"{file} could not be written: {exc.strerror}") from None


def _layer(model: Model, kinds: tuple[str, ...], week: int) -> float:
    """Return the MB of all users' documents in these collections, just before a cleanup."""
    total = 0.0
    for profile, share in model.mix:
        found = model.by_collection(profile, week, weeks_since_cleanup=1)
        total += share * sum(found[kind] for kind in kinds)
    return model.users * total / BYTES_PER_MB
