"""Commands that are imported when they are called, so that `joytify --help` need not import them all."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from joytify_cli.extras import missing_extras
from joytify_cli.terminal import CommandError, UsageError, fail, safe
from joytify_common.errors import JobError


class LazyCommand(TyperCommand):
    """Stands for a command or a group of commands until it is called."""

    def __init__(self, name: str, place: str, summary: str, *, hidden: bool = False) -> None:
        """Name the command.

        Args:
            name: what the user types.
            place: `module:attribute` of a function or of a `typer.Typer`.
            summary: one sentence for the list of commands.
            hidden: whether the list leaves it out.
        """
        super().__init__(name=name, help=summary, callback=None, hidden=hidden)
        self.place = place

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - typer's own click has no public names
        """Return the context of the real command, which runs from here on."""
        return self.load().make_context(info_name, args, parent, **extra)

    def load(self) -> TyperCommand | TyperGroup:
        """Import the command.

        Raises:
            UsageError: it needs packages that are not installed.
        """
        module, _, attribute = self.place.partition(":")
        with missing_extras():
            found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(name=self.name)(function)
        if (stamina := sys.modules.get("stamina")) is not None:
            # It would print each retry, wherever the command's own output goes.
            stamina.instrumentation.set_on_retry_hooks([])
        command: Any = get_command(found)
        command.name = self.name
        return command  # type: ignore[no-any-return]


class LazyGroup(TyperGroup):
    """The commands of one program; what a user can act on ends it with one line, without a traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own click has no public names
        """Run the command; an error whose text says what is wrong ends it with exit code 1 or 2."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as exc:
            # It quotes files and answers, and typer prints it as it is.
            exc.message = safe(exc.message)
            raise
        except (CommandError, JobError) as exc:
            fail(str(exc), 2 if isinstance(exc, UsageError) else 1)
