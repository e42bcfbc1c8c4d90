"""Writes docs/configuration.md from the models themselves (`make docs`); a unit test fails when it is stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.settings import CleanupSettings
from joytify_common.secrets import KEYS
from joytify_common.settings import Settings
from joytify_discord.settings import DiscordSettings
from joytify_stats.month_end import StatsEvent
from joytify_stats.settings import StatsSettings

FILE = Path(__file__).parents[1] / "docs" / "configuration.md"

REST = """### discord

An SNS event; whatever else it is invoked with is itself the message that is posted.

Of stats and cleanup an empty event, or `null`, counts as `{}`: a run with every default.

## The secret

One secret in Secrets Manager, named by `SECRET_ID`: a JSON object of texts,
read at run time and cached for a few minutes.
A key that a function needs and does not find stops it with an error that names the key.

| key | read by | holds |
|---|---|---|
"""


def document() -> str:
    """Return the whole page."""
    parts = [
        "# Configuration\n\nWritten by `make docs` from the models that read it; do not edit.\n",
        "## The environment\n\nA value out of range stops the function before it touches data.\n",
        *(_settings(name, model) for name, model in _MODELS.items()),
        "## The events\n\nAn unknown key or a wrong type is an error that names the key, before anything is read.\n",
        _table("stats", ((field, f.alias) for field, f in StatsEvent.model_fields.items()), StatsEvent),
        _table("cleanup", ((field, f.alias) for field, f in CleanupEvent.model_fields.items()), CleanupEvent),
        REST,
    ]
    keys = (f"| `{name}` | {', '.join(key.read_by)} | {key.holds} |\n" for name, key in KEYS.items())
    return "\n".join(parts) + "".join(keys)


_MODELS: dict[str, type[Settings]] = {"stats": StatsSettings, "cleanup": CleanupSettings, "discord": DiscordSettings}


def _settings(name: str, model: type[Settings]) -> str:
    return _table(name, ((field, field.upper()) for field in model.model_fields), model)


def _table(name: str, fields: Iterator[tuple[str, str | None]], model: type[BaseModel]) -> str:
    rows = [f"### {name}\n", "| name | allowed | default |", "|---|---|---|"]
    for field, shown in fields:
        info = model.model_fields[field]
        default = (
            "**required**" if info.is_required() else f"`{info.default}`" if info.default not in (None, "") else "none"
        )
        rows.append(f"| `{shown}` | {info.description} | {default} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
