from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.stub import Stubber

from joytify_common.errors import ConfigError, TransientError
from joytify_common.masking import clean
from joytify_common.secrets import Secret, read_secret


def provider(answer: str | None = None, error: str = "") -> SecretsProvider:
    """Return a real SecretsProvider with a stubbed client that has one response."""
    client: Any = boto3.client("secretsmanager")
    stubber = Stubber(client)
    if error:
        stubber.add_client_error("get_secret_value", service_error_code=error)
    else:
        stubber.add_response("get_secret_value", {"SecretString": answer, "Name": "NAME"})
    stubber.activate()
    return SecretsProvider(boto3_client=client)


def secret(**values: str) -> Secret:
    return read_secret(provider(json.dumps(values)), "NAME")


def test_a_secret_that_is_read_anew_replaces_the_cached_one() -> None:
    client: Any = boto3.client("secretsmanager")
    stubber = Stubber(client)
    for zone in ("UTC", "Asia/Taipei"):
        value = json.dumps({"DISCORD_TIMEZONE": zone})
        stubber.add_response("get_secret_value", {"SecretString": value, "Name": "NAME"})
    stubber.activate()
    ours = SecretsProvider(boto3_client=client)

    zones = [
        read_secret(ours, "NAME", 300, refresh=refresh).text("DISCORD_TIMEZONE", "") for refresh in (False, True, False)
    ]

    assert zones == ["UTC", "Asia/Taipei", "Asia/Taipei"]


def test_values_come_out_hidden() -> None:
    found = secret(MONGODB_CONNECTION_STRING="mongodb://user:pass@host")

    assert found.require("MONGODB_CONNECTION_STRING").get_secret_value() == "mongodb://user:pass@host"
    assert "pass@host" not in repr(found)
    assert clean("x mongodb://user:pass@host x") == "x ********** x"


def test_the_password_and_the_token_are_also_masked_outside_their_url() -> None:
    secret(
        MONGODB_CONNECTION_STRING="mongodb+srv://user:pa55-w@host/",
        DISCORD_WEBHOOK_URL="https://d/api/webhooks/12/t0ken-1?x",
    )

    assert clean("pa55-w and t0ken-1") == "********** and **********"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://ops:s3cr3t-w@api.example.com/api/v1", "api.example.com/api/v1"),
        ("https://ops:s3cr3t-w@ten@api.example.com/api/v1", "api.example.com/api/v1"),
        ("https://s3cr3t-w@api.example.com", "api.example.com"),
        ("https://o:s3cr3@api.example.com", "api.example.com"),
        ("https://api.example.com/api/v1?key=s3cr3t-w", "https://api.example.com/api/v1?key="),
    ],
)
def test_credentials_in_a_url_are_masked_wherever_they_stand(address: str, kept: str) -> None:
    secret(API_DOMAIN=address)

    assert "s3cr3" not in clean(f"no answer of {address}")
    assert kept in clean(f"no answer of {address}")


def test_keys_of_other_applications_are_neither_read_nor_masked() -> None:
    """The backend keeps its own keys in the same secret; their values are numbers, flags and common words."""
    foreign = {"API_PORT": 4004, "NODE_ENV": "production", "DEBUG": "1", "LIMITS": {"a": [1]}, "OFF": None}
    found = read_secret(provider(json.dumps({**foreign, "API_DOMAIN": "https://api.example.com"})), "NAME")

    assert set(found.values) == {"API_DOMAIN"}
    text = "1 of 10 in production at https://api.example.com"
    assert clean(text) == text


@pytest.mark.parametrize("values", [{}, {"API_DOMAIN": ""}])
def test_a_missing_or_empty_key_is_named(values: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="secret NAME: API_DOMAIN must be non-empty text"):
        secret(**values).require("API_DOMAIN")


def test_the_schedule_mode_is_production_unless_said_otherwise() -> None:
    assert secret().schedule_mode == "production"
    assert secret(SCHEDULE_MODE="test_auto").schedule_mode == "test_auto"
    with pytest.raises(ConfigError, match="SCHEDULE_MODE must be one of production, test_auto"):
        assert secret(SCHEDULE_MODE="weekly").schedule_mode


@pytest.mark.parametrize("answer", ["no json", "[1]", '"text"', '{"API_DOMAIN": 5}'])
def test_a_secret_that_is_not_a_json_object_of_strings_is_rejected_without_quoting_it(answer: str) -> None:
    with pytest.raises(ConfigError, match="secret NAME: ") as caught:
        read_secret(provider(answer), "NAME")

    assert answer not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotFoundException", ConfigError),
        ("AccessDeniedException", ConfigError),
        ("InternalServiceError", TransientError),
        ("ThrottlingException", TransientError),
    ],
)
def test_a_refusal_names_the_secret_and_tells_whether_to_retry(code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"secret NAME .*{code}"):
        read_secret(provider(error=code), "NAME")
