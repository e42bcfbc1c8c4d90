"""The base of every function's settings: read once from the environment, then frozen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from joytify_common.errors import ConfigError

# Names of settings before 1.0.0. An old name is an error: if it were ignored, the default would silently replace the
# operator's value.
RENAMED = {
    "BACKEND_CHUNK_SIZE": "BACKEND_PUSH_SIZE",
    "CLEANUP_MAX_DELETE_PERCENT": "CLEANUP_DELETION_LIMIT_PERCENT",
}
SettingsT = TypeVar("SettingsT", bound="Settings")


def between(low: int, high: int, unit: str, *, default: int, title: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Return the field of a setting from `low` to `high`, in this unit."""
    return Field(default, ge=low, le=high, title=title, description=f"{low} to {high} {unit}")


def above_zero(high: int, unit: str, *, default: float, title: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Return the field of a setting above 0 and at most `high`, in this unit."""
    return Field(default, gt=0, le=high, title=title, description=f"more than 0, at most {high} {unit}")


class Settings(BaseModel):
    """Settings of every function; `title` states the purpose of each, `description` the allowed values."""

    # Errors must not show their input, which is the whole environment.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    secret_id: str = Field(
        "MERN_JOYTIFY_ENVS",
        min_length=1,
        title="Secret that the function reads.",
        description="name or ARN of the secret",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", title="Minimum level of the log lines that are written.", description="DEBUG, INFO, WARNING or ERROR"
    )


class JobSettings(Settings):
    """Settings of a scheduled function: it reads MongoDB and publishes to the topic."""

    sns_topic_arn: str = Field(
        pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:.+$",
        title="Topic to which the function publishes its summaries and errors.",
        description="ARN of an SNS topic",
    )
    db_name: str = Field(
        "mern-joytify",
        pattern=r"^[^/\\. \"$]{1,63}$",
        title="Database of the app; a database in the connection string is not used.",
        description="name of a MongoDB database",
    )


def load_settings(settings_type: type[SettingsT], environment: Mapping[str, str] = os.environ) -> SettingsT:
    """Return the function's settings from its environment variables.

    Raises:
        ConfigError: variables are missing or out of range; the text names them and what is allowed.
    """
    if old := [name for name in RENAMED if name in environment]:
        raise ConfigError("environment: " + "; ".join(f"{name} is now {RENAMED[name]}" for name in old))
    try:
        return settings_type.model_validate({name.lower(): value for name, value in environment.items()})
    except ValidationError as exc:
        faults = "; ".join(_fault(settings_type, str(error["loc"][0]), error["msg"]) for error in exc.errors())
        raise ConfigError(f"environment: {faults}") from None


def _fault(settings_type: type[Settings], field: str, problem: str) -> str:
    allowed = settings_type.model_fields[field].description
    return f"{field.upper()}: {problem} (allowed: {allowed})"
