"""`joytify secret`: change or remove one key of the secret, or go back to the previous version."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from joytify_cli.operate.checks.shapes import SHAPES, is_right
from joytify_cli.option_groups import App
from joytify_cli.secret_store import StoredSecret, change_key, changed_keys, go_back, read_stored
from joytify_cli.target import Target, Where
from joytify_cli.terminal import CommandError, UsageError, Yes, can_ask, confirm, say
from joytify_common.errors import ConfigError
from joytify_common.secrets import KEYS, NOT_FOUND
from joytify_discord.settings import CACHE_MINUTES

app = App(help="Change or remove one key of the secret, or undo a change.", no_args_is_help=True)


@app.command("set")
def set_(
    key: Annotated[str, typer.Argument(help="Which key, such as DISCORD_WEBHOOK_URL")],
    *,
    yes: Yes = False,
    where: Where,
) -> None:
    """Change one key of the secret; the other keys are not changed.

    The value is asked for, or read from standard input, and never shown.

    Example: joytify secret set DISCORD_WEBHOOK_URL --aws
    """
    if key not in KEYS:
        raise UsageError(f"the pipeline reads no key {key!r}; it reads {', '.join(KEYS)}")
    target = where.target()
    stored = read_stored(target)
    value = typer.prompt(f"New value of {key} (not shown)", hide_input=True) if can_ask() else sys.stdin.read().strip()
    _, expected = SHAPES[key]
    if not value or not is_right(key, value):
        raise UsageError(f"{key} must be {expected}; nothing was changed")
    if stored.values.get(key) == value:
        say(f"{key} already has this value; nothing was changed")
        return
    _change(target, stored, key, value, yes=yes)


@app.command()
def remove(
    key: Annotated[str, typer.Argument(help="Which optional key, such as DISCORD_THREAD_ID")],
    *,
    yes: Yes = False,
    where: Where,
) -> None:
    """Remove an optional key from the secret; the other keys are not changed.

    Example: joytify secret remove DISCORD_THREAD_ID --aws
    """
    if key not in KEYS or KEYS[key].is_required:
        optional = ", ".join(name for name, known in KEYS.items() if not known.is_required)
        raise UsageError(f"{key!r} is not an optional key; the optional keys are: {optional}")
    target = where.target()
    stored = read_stored(target)
    if key not in stored.values:
        say(f"the secret has no {key}; nothing was changed")
        return
    _change(target, stored, key, None, yes=yes)


def _change(target: Target, stored: StoredSecret, key: str, value: str | None, *, yes: bool) -> None:
    does, done = ("remove", "removed") if value is None else ("change", "changed")
    confirm(f"{does} {key} of {stored.name} in {target.place}", yes=yes)
    change_key(target, stored, key, value)
    starting = f"within {CACHE_MINUTES} minutes" if "discord" in KEYS[key].read_by else "with the next run"
    unchanged = f"{len(stored.values.keys() - {key})} other keys are unchanged"
    say(f"{key} is {done}, {unchanged}; the change takes effect {starting}")
    undo_it = f"joytify secret undo{target.flags}"
    say(f"to check it: joytify doctor{target.flags}; to undo it, if nobody has changed the secret since: {undo_it}")


@app.command()
def undo(
    *,
    yes: Yes = False,
    where: Where,
) -> None:
    """Undo the last change of the secret, whoever made it.

    A second undo makes the change again, provided that the version with the change is a JSON object.

    Example: joytify secret undo --aws
    """
    target = where.target()
    # Even if the current version is not a JSON object, the version before it can be restored.
    stored = read_stored(target, otherwise={})
    try:
        previous = read_stored(target, "AWSPREVIOUS")
    except ConfigError as exc:
        cause = exc.__cause__
        if isinstance(cause, ClientError) and cause.response["Error"]["Code"] in NOT_FOUND:
            raise CommandError("the secret has no earlier version to go back to") from None
        raise
    keys = ", ".join(changed_keys(stored, previous)) or "no key"
    confirm(f"undo the last change of {stored.name} in {target.place}, which changed {keys}", yes=yes)
    go_back(target, stored, previous)
    # `undo` cannot restore a version that is not a JSON object; such a version is read as {}, like an empty object.
    redo = f"; to redo it: joytify secret undo{target.flags}" if stored.values else ""
    say(f"the last change of {stored.name} is undone ({keys}){redo}")
