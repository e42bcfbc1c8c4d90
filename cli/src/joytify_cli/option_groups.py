"""Groups of options that several commands share: a command declares one dataclass parameter per group."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

import typer


class App(typer.Typer):
    """A group of commands; if a parameter of a command is a dataclass, each of its fields becomes an option."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - typer's own settings
        super().__init__(add_completion=False, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - the same
        """Return a decorator that adds a command."""
        add = super().command(name, **settings)

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            add(_with_options(function))
            return function

        return decorate


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    signature, groups, parameters = inspect.signature(command, eval_str=True), dict[str, Any](), []
    for each in signature.parameters.values():
        if not is_dataclass(group := each.annotation):
            parameters.append(each)
            continue
        groups[each.name], types = group, get_type_hints(group, include_extras=True)
        parameters += [
            each.replace(name=field.name, default=field.default, annotation=types[field.name])
            for field in fields(group)
        ]

    @wraps(command)
    def run(**given: Any) -> Any:  # noqa: ANN401 - values of the options
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(**given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run
