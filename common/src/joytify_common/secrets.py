"""Read the pipeline's secret by name or ARN; the caller sets how long the container caches it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from joytify_common.aws import aws_client, aws_errors
from joytify_common.errors import ConfigError, TransientError
from joytify_common.masking import hide_parts

# Secrets Manager answers InvalidRequestException if the secret is scheduled for deletion.
NOT_FOUND = {"ResourceNotFoundException", "InvalidRequestException"}
ScheduleMode = Literal["production", "test_auto"]
SCHEDULE_MODES: tuple[ScheduleMode, ...] = get_args(ScheduleMode)


@dataclass(frozen=True)
class SecretKey:
    """A key of the secret.

    Attributes:
        read_by: short names of the functions that read it.
        holds: description of its value, for docs/configuration.md.
        is_shown: whether its value may appear in logs and errors; otherwise it is masked there.
        is_required: whether a function fails without it.
    """

    read_by: tuple[str, ...]
    holds: str
    is_shown: bool = False
    is_required: bool = False


KEYS = {
    "MONGODB_CONNECTION_STRING": SecretKey(
        ("stats", "cleanup"), "connection string of a user that may read and write the database", is_required=True
    ),
    "API_DOMAIN": SecretKey(
        ("stats",),
        "base URL of the Joytify backend; in production it ends in `/api/v1`",
        is_shown=True,
        is_required=True,
    ),
    "API_INTERNAL_SECRET_KEY": SecretKey(
        ("stats",), "the backend's key for `POST /notifications/socket`", is_required=True
    ),
    "DISCORD_WEBHOOK_URL": SecretKey(("discord",), "URL of the webhook", is_required=True),
    "DISCORD_ALERTS_WEBHOOK_URL": SecretKey(
        ("discord",), "optional: URL of the webhook for failures, warnings and alarms"
    ),
    "DISCORD_THREAD_ID": SecretKey(
        ("discord",), "optional: id of the thread that failures, warnings and alarms are posted to", is_shown=True
    ),
    "DISCORD_TIMEZONE": SecretKey(("discord",), "optional: IANA name of the time zone, default `UTC`", is_shown=True),
    "SCHEDULE_MODE": SecretKey(
        ("stats", "cleanup"),
        "optional: `production` (default) or `test_auto`; with `test_auto`, scheduled production runs are skipped and "
        "all other runs use the test collections, except continuations of production runs: a continuation of stats "
        "stays on the production collections, and a continuation of cleanup fails",
        is_shown=True,
    ),
}


@dataclass(frozen=True)
class Secret:
    """The secret's values by key, as SecretStr, so that no log line or error shows them."""

    name: str
    values: Mapping[str, SecretStr]

    def require(self, key: str) -> SecretStr:
        """Return the value of a key.

        Raises:
            ConfigError: the key is missing or empty; the error message names it.
        """
        value = self.values.get(key)
        if value is None or not value.get_secret_value():
            raise ConfigError(f"secret {self.name}: {key} must be non-empty text")
        return value

    def text(self, key: str, default: str) -> str:
        """Return the value of a key that is not secret; the default if it is missing or empty."""
        value = self.values.get(key)
        return value.get_secret_value() or default if value else default

    @property
    def schedule_mode(self) -> ScheduleMode:
        """The schedule that is in effect: `production` (default) or `test_auto`."""
        mode = self.text("SCHEDULE_MODE", "production")
        if mode not in SCHEDULE_MODES:
            raise ConfigError(f"secret {self.name}: SCHEDULE_MODE must be one of {', '.join(SCHEDULE_MODES)}")
        return mode


@cache
def secrets_provider() -> SecretsProvider:
    """Return the container's Secrets Manager provider, which caches what it reads."""
    return SecretsProvider(boto3_client=aws_client("secretsmanager"))


def read_secret(provider: SecretsProvider, name: str, max_age: int = 0, *, refresh: bool = False) -> Secret:
    """Return the secret.

    Args:
        provider: Powertools' provider for Secrets Manager.
        name: name or ARN of the secret.
        max_age: seconds for which the secret is cached; 0 always reads it.
        refresh: whether to ignore a cached value and replace it.

    Raises:
        ConfigError: the secret does not exist, may not be read, or is not a JSON object of strings.
        TransientError: Secrets Manager temporarily refused the call or could not be reached.
    """
    with aws_errors(f"secret {name} (SECRET_ID)", "Secrets Manager", not_found=NOT_FOUND):
        values = _get(provider, name, max_age, refresh=refresh or max_age == 0)
    if not isinstance(values, dict):
        raise ConfigError(f"secret {name}: it must be a JSON object")
    # The backend keeps other keys in this secret too; their values are not checked.
    own = {key: values[key] for key in KEYS if values.get(key) is not None}
    if wrong := [key for key, value in own.items() if not isinstance(value, str)]:
        raise ConfigError(f"secret {name}: {', '.join(wrong)} must be text")
    for key, value in own.items():
        hide_parts(value, is_shown=KEYS[key].is_shown)
    return Secret(name=name, values={key: SecretStr(value) for key, value in own.items()})


def _get(provider: SecretsProvider, name: str, max_age: int, *, refresh: bool) -> object:
    try:
        return provider.get(name, max_age=max_age, transform="json", force_fetch=refresh)
    except TransformParameterError:
        # The parser's error quotes the text that it could not parse, which is the secret.
        raise ConfigError(f"secret {name}: it must be a JSON object") from None
    except GetParameterError as exc:
        # The provider wraps boto3's error; raise the original, which `aws_errors` translates.
        if isinstance(cause := exc.__cause__ or exc.__context__, (BotoCoreError, ClientError)):
            raise cause from None
        raise TransientError(f"secret {name} (SECRET_ID): it could not be read") from exc
