"""Gateway: reads the pipeline's secret and changes one key of it (Secrets Manager)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joytify_cli.target import Target
from joytify_common.aws import aws_errors
from joytify_common.errors import ConfigError
from joytify_common.secrets import NOT_FOUND


@dataclass(frozen=True)
class StoredSecret:
    """A version of the secret.

    Attributes:
        name: name or ARN of the secret.
        version: id of the version.
        values: keys and values of the secret; left out of the repr.
    """

    name: str
    version: str
    values: Mapping[str, Any] = field(repr=False)


def read_stored(
    target: Target, stage: str = "AWSCURRENT", *, otherwise: Mapping[str, Any] | None = None
) -> StoredSecret:
    """Return the current version of the secret, or with the stage `AWSPREVIOUS` the version before it.

    Args:
        target: where the secret is.
        stage: which version.
        otherwise: values to use if the version is not a JSON object; if None, an error is raised.

    Raises:
        ConfigError: there is no such version, it cannot be read, or is not a JSON object.
        TransientError: Secrets Manager could not be reached.
    """
    name = target.secret_id
    with aws_errors(f"secret {name} ({stage})", "Secrets Manager", not_found=NOT_FOUND):
        found = target.client("secretsmanager").get_secret_value(SecretId=name, VersionStage=stage)
    try:
        values = json.loads(found["SecretString"])
    except (KeyError, ValueError):
        # The parser's error would quote the secret.
        values = None
    if not isinstance(values, dict):
        values = otherwise
    if values is None:
        raise ConfigError(f"secret {name}: it must be a JSON object")
    return StoredSecret(name, found["VersionId"], values)


def change_key(target: Target, stored: StoredSecret, key: str, value: str | None) -> None:
    """Change one key of the secret, or remove it if the value is None.

    Raises:
        ConfigError: access is denied, or the secret was changed since it was read.
        TransientError: Secrets Manager could not be reached.
    """
    _check_unchanged(target, stored)
    changed = {} if value is None else {key: value}
    others = {name: each for name, each in stored.values.items() if name != key}
    text = json.dumps({**others, **changed}, ensure_ascii=False)
    with aws_errors(f"secret {stored.name}", "Secrets Manager", not_found=NOT_FOUND):
        target.client("secretsmanager").put_secret_value(SecretId=stored.name, SecretString=text)


def go_back(target: Target, stored: StoredSecret, previous: StoredSecret) -> None:
    """Make the previous version of the secret the current one.

    Raises:
        ConfigError: access is denied, or the secret was changed since it was read.
        TransientError: Secrets Manager could not be reached.
    """
    _check_unchanged(target, stored)
    with aws_errors(f"secret {stored.name}", "Secrets Manager", not_found=NOT_FOUND):
        target.client("secretsmanager").update_secret_version_stage(
            SecretId=stored.name,
            VersionStage="AWSCURRENT",
            MoveToVersionId=previous.version,
            RemoveFromVersionId=stored.version,
        )


def changed_keys(one: StoredSecret, other: StoredSecret) -> list[str]:
    """Return the names of the keys whose values differ, sorted."""
    keys = one.values.keys() | other.values.keys()
    return sorted(key for key in keys if one.values.get(key) != other.values.get(key))


def _check_unchanged(target: Target, stored: StoredSecret) -> None:
    # Secrets Manager has no conditional write: another change within the next milliseconds would be
    # overwritten, but its version would be kept as AWSPREVIOUS.
    if read_stored(target, otherwise={}).version != stored.version:
        raise ConfigError(f"secret {stored.name}: it was changed in the meantime; try again")
