"""Gateway: invoke another function asynchronously."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from joytify_common.errors import ConfigError, TransientError
from joytify_common.secrets import AWS_CONFIG

if TYPE_CHECKING:
    from collections.abc import Mapping

THROTTLED = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
NEEDS_A_PERSON = {"ResourceNotFoundException", "AccessDeniedException", "InvalidParameterValueException"}


@cache
def lambda_client() -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return the container's one client of Lambda."""
    return boto3.client("lambda", config=AWS_CONFIG)


def invoke_async(client: Any, function: str, event: Mapping[str, Any]) -> None:  # noqa: ANN401 - see lambda_client
    """Hand the event to Lambda, which runs the function by itself and retries it.

    Raises:
        ConfigError: the function does not exist or may not be invoked.
        TransientError: Lambda throttled the call or could not be reached.
    """
    try:
        client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(dict(event)).encode())
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        if code in NEEDS_A_PERSON:
            raise ConfigError(f"function {function}: Lambda answered {code}") from None
        why = "throttled the call" if code in THROTTLED else f"answered {code}"
        raise TransientError(f"function {function}: Lambda {why}") from None
    except BotoCoreError as exc:
        raise TransientError(f"function {function}: Lambda could not be reached ({type(exc).__name__})") from None
