"""`joytify secret`: change one key of the secret, or go back to the previous version."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from joytify_cli.operate.checks.shapes import SHAPES, is_right
from joytify_cli.secret_store import change_key, changed_keys, go_back, read_stored
from joytify_cli.target import Aws, Environment, Project, find_target
from joytify_cli.terminal import CommandError, UsageError, can_ask, confirm, say
from joytify_common.errors import ConfigError
from joytify_common.secrets import KEYS

app = typer.Typer(help="Change one key of the secret, or undo a change.", no_args_is_help=True, add_completion=False)

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
    """Change one key of the secret; the other keys are not changed.

    The value is asked for, or read from standard input, and never shown. An empty value removes an optional key.

    Example: joytify secret set DISCORD_WEBHOOK_URL --aws
    """
    if key not in KEYS:
        raise UsageError(f"the pipeline reads no key {key}; it reads {', '.join(KEYS)}")
    target = find_target(aws=aws, project=project, environment=environment)
    stored = read_stored(target)
    value = _new_value(key)
    _, expected = SHAPES[key]
    if (value and not is_right(key, value)) or (not value and KEYS[key].is_required):
        raise UsageError(f"{key} must be {expected}; nothing was changed")
    if stored.values.get(key, "") == value:
        say(f"{key} already has this value; nothing was changed")
        return
    if not yes:
        confirm(f"{'change' if value else 'remove'} {key} of {stored.name} in {target.place}")
    change_key(target, stored, key, value)
    done = "changed" if value else "removed"
    say(f"{key} is {done}, {len(stored.values.keys() - {key})} other keys are unchanged")
    say(
        f"to check it: joytify doctor{target.flags}; to undo it, before another change: "
        f"joytify secret undo{target.flags}"
    )


def _new_value(key: str) -> str:
    if can_ask():
        return str(typer.prompt(f"New value of {key} (not shown)", default="", show_default=False, hide_input=True))
    return sys.stdin.read().strip()


@app.command()
def undo(
    *,
    yes: Yes = False,
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Undo the last change of the secret, whoever made it; a second undo makes the change again.

    Example: joytify secret undo --aws
    """
    target = find_target(aws=aws, project=project, environment=environment)
    stored = read_stored(target)
    try:
        previous = read_stored(target, "AWSPREVIOUS")
    except ConfigError as exc:
        raise CommandError(f"there is no earlier version to go back to ({exc})") from None
    keys = ", ".join(changed_keys(stored, previous)) or "no key"
    if not yes:
        confirm(f"undo the last change of {stored.name} in {target.place}, which changed {keys}")
    go_back(target, stored, previous)
    say(f"the last change of {stored.name} is undone ({keys}); to redo it: joytify secret undo{target.flags}")
