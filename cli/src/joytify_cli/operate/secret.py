"""`joytify secret`: change one key of the secret, and no other; go back to the version before."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from joytify_cli.operate.checks.shapes import SHAPES, is_right
from joytify_cli.secret_store import change_key, changed_keys, go_back, read_previous, read_stored
from joytify_cli.target import Aws, Environment, Project, find_target
from joytify_cli.terminal import UsageError, can_ask, confirm, say
from joytify_common.secrets import KEYS

app = typer.Typer(help="Change one key of the secret, or go back.", no_args_is_help=True, add_completion=False)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask")]


@app.command("set")
def set_(
    key: Annotated[str, typer.Argument(help="Which key, such as DISCORD_WEBHOOK_URL")],
    *,
    yes: Yes = False,
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Put another value into one key of the secret; every other key stays as it is.

    The value is asked for, or read from standard input, and never shown.

    Example: joytify secret set DISCORD_WEBHOOK_URL --aws
    """
    if key not in KEYS:
        raise UsageError(f"the pipeline reads no key {key}; it reads {', '.join(KEYS)}")
    target = find_target(aws=aws, project=project, environment=environment)
    stored = read_stored(target)
    value = typer.prompt(f"New value of {key} (not shown)", hide_input=True) if can_ask() else sys.stdin.read().strip()
    _, expected = SHAPES[key]
    if not value or not is_right(key, value):
        raise UsageError(f"{key} must be {expected}; nothing was changed")
    if stored.values.get(key) == value:
        say(f"{key} has this value already; nothing was changed")
        return
    if not yes:
        confirm(f"change {key} of {stored.name} in {target.place}")
    change_key(target, stored, key, value)
    say(f"{key} is changed, {len(stored.values.keys() - {key})} other keys are as before")
    say(f"see whether it works: joytify doctor{target.flags}; to go back: joytify secret undo{target.flags}")


@app.command()
def undo(
    *,
    yes: Yes = False,
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Go back to the version of the secret before the last change, whoever made it; once more goes forth again.

    Example: joytify secret undo --aws
    """
    target = find_target(aws=aws, project=project, environment=environment)
    stored = read_stored(target)
    previous = read_previous(target, stored)
    keys = ", ".join(changed_keys(stored, previous)) or "no key"
    if not yes:
        confirm(f"go back to the version of {stored.name} in {target.place} before the last change, of {keys}")
    go_back(target, stored, previous)
    say(f"{stored.name} is as it was before the last change, of {keys}; undo that: joytify secret undo{target.flags}")
