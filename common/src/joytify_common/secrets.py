"""The pipeline's one secret: read by name or ARN, cached in the container for a few minutes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError, TransformParameterError
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic import SecretStr

from joytify_common import logs
from joytify_common.errors import ConfigError, JobError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

# A change of the secret is seen by every container after this long.
CACHE_SECONDS = 300
AWS_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
NEEDS_A_PERSON = {"ResourceNotFoundException", "AccessDeniedException", "InvalidRequestException", "DecryptionFailure"}
SCHEDULE_MODES = ("production", "test_auto")
# These keys may be shown; the value of any other is hidden from logs and errors.
SHOWN_KEYS = {"API_DOMAIN", "DISCORD_THREAD_ID", "DISCORD_TIMEZONE", "SCHEDULE_MODE"}

ScheduleMode = Literal["production", "test_auto"]


@dataclass(frozen=True)
class Secret:
    """The secret's keys; values come out as SecretStr, so that no log or error shows one."""

    name: str
    values: Mapping[str, SecretStr]

    def require(self, key: str) -> SecretStr:
        """Return the value of a key.

        Raises:
            ConfigError: the key is missing or empty; the text names it.
        """
        value = self.values.get(key)
        if value is None or not value.get_secret_value():
            raise ConfigError(f"secret {self.name}: {key} is missing; it must be a text that is not empty")
        return value

    def text(self, key: str, default: str) -> str:
        """Return the value of a key that is no secret, or the default where the key is missing or empty."""
        value = self.values.get(key)
        return value.get_secret_value() or default if value else default

    @property
    def schedule_mode(self) -> ScheduleMode:
        """Which schedule acts: `production` (default) or `test_auto`."""
        mode = self.text("SCHEDULE_MODE", "production")
        if mode not in SCHEDULE_MODES:
            raise ConfigError(f"secret {self.name}: SCHEDULE_MODE must be one of {', '.join(SCHEDULE_MODES)}")
        return cast("ScheduleMode", mode)


@cache
def secrets_provider() -> SecretsProvider:
    """Return the container's one reader of Secrets Manager."""
    return SecretsProvider(boto3_client=boto3.client("secretsmanager", config=AWS_CONFIG))


def read_secret(provider: SecretsProvider, name: str) -> Secret:
    """Return the secret, from the container's cache where it is fresh.

    Args:
        provider: reader of Secrets Manager.
        name: name or ARN of the secret.

    Raises:
        ConfigError: it does not exist, may not be read, or is no JSON object of texts.
        TransientError: Secrets Manager could not be asked.
    """
    try:
        values: Any = provider.get(name, max_age=CACHE_SECONDS, transform="json")
    except TransformParameterError:
        raise ConfigError(f"secret {name}: it must be a JSON object") from None
    except GetParameterError as exc:
        raise _refusal(name, exc) from None
    if not isinstance(values, dict):
        raise ConfigError(f"secret {name}: it must be a JSON object")
    if wrong := [key for key, value in values.items() if not isinstance(value, str)]:
        raise ConfigError(f"secret {name}: {', '.join(wrong)} must be text")
    for key, value in values.items():
        if key not in SHOWN_KEYS:
            logs.hide(value)
            _hide_parts(value)
    return Secret(name=name, values={key: SecretStr(value) for key, value in values.items()})


def _hide_parts(value: str) -> None:
    """Hide the password in a connection string and the token at the end of a webhook's address."""
    if match := re.search(r"//[^/@:]*:([^@]+)@", value):
        logs.hide(match[1])
    if match := re.search(r"/webhooks/\d+/([^/?]+)", value):
        logs.hide(match[1])


def _refusal(name: str, exc: GetParameterError) -> JobError:
    cause = exc.__cause__ or exc.__context__
    code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
    if code in NEEDS_A_PERSON:
        return ConfigError(f"secret {name} (SECRET_ID): Secrets Manager answered {code}")
    return TransientError(f"secret {name} (SECRET_ID): Secrets Manager could not be read ({code})")
