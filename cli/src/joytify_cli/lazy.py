"""Commands that are imported when they are called, so that `joytify --help` need not import them all."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from joytify_cli.extras import missing_extras
from joytify_cli.option_groups import App


class LazyCommand(TyperCommand):
    """A placeholder for a command or a command group, which is imported only when it is called."""

    def __init__(self, name: str, place: str, summary: str, *, hidden: bool = False) -> None:
        """Describe the command without importing it.

        Args:
            name: name that the user types.
            place: `module:attribute` of a function or of a `typer.Typer`.
            summary: one sentence for the list of commands.
            hidden: whether `--help` omits the command.
        """
        super().__init__(name=name, help=summary, callback=None, hidden=hidden)
        self.place = place

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - typer bundles a copy of click, whose classes are private
        """Import the command and return its context, so that click runs the command in place of this placeholder."""
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
            function, found = found, App()
            found.command(name=self.name)(function)
        if (stamina := sys.modules.get("stamina")) is not None:
            # Stamina's default hook would print each retry into the command's own output.
            stamina.instrumentation.set_on_retry_hooks([])
        command: Any = get_command(found)
        command.name = self.name
        return command  # type: ignore[no-any-return]
