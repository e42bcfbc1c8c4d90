"""Reads a function's settings as the function itself would, from the environment that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from joytify_common.settings import Settings, load_settings

SettingsT = TypeVar("SettingsT", bound=Settings)


def given_settings(settings_type: type[SettingsT], environment: Mapping[str, str]) -> SettingsT:
    """Return the settings in a function's environment, and nothing of this machine's.

    Raises:
        ConfigError: a variable is missing or out of range; each is named with what is allowed.
    """
    given: dict[str, Any] = {key.lower(): value for key, value in environment.items()}

    class Given(settings_type):  # type: ignore[valid-type, misc]
        """The same settings from elsewhere."""

        @classmethod
        def settings_customise_sources(cls, *_: object, **__: object) -> tuple[Any, ...]:
            return (lambda: given,)

    return load_settings(Given)


def changed(settings: Settings) -> dict[str, tuple[object, object]]:
    """Return the settings that differ from their default, with both; without those that have none."""
    fields = type(settings).model_fields
    return {
        name.upper(): (getattr(settings, name), field.default)
        for name, field in fields.items()
        if not field.is_required() and getattr(settings, name) != field.default
    }
