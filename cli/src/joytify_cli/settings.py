"""Reads a deployed function's settings from its environment variables, as the function does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from joytify_common.settings import Settings, load_settings

SettingsT = TypeVar("SettingsT", bound=Settings)


def given_settings(settings_type: type[SettingsT], environment: Mapping[str, str]) -> SettingsT:
    """Return the settings in a function's environment variables; ignore this machine's variables.

    Raises:
        ConfigError: a variable is missing or invalid; the text names it and what is allowed.
    """
    given: dict[str, Any] = {key.lower(): value for key, value in environment.items()}

    class Given(settings_type):  # type: ignore[valid-type, misc]
        """The same settings, read from the given variables."""

        @classmethod
        def settings_customise_sources(cls, *_: object, **__: object) -> tuple[Any, ...]:
            return (lambda: given,)

    return load_settings(Given, environment)


def differing_settings(settings: Settings) -> dict[str, tuple[object, object]]:
    """Return `(value, default)` of each setting that differs from its default, by name."""
    fields = type(settings).model_fields
    return {
        name.upper(): (getattr(settings, name), field.default)
        for name, field in fields.items()
        if not field.is_required() and getattr(settings, name) != field.default
    }
