"""Gateway: invoke another function asynchronously."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from joytify_common.aws import aws_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_lambda import LambdaClient

NOT_FOUND = {"ResourceNotFoundException", "InvalidParameterValueException"}


def invoke_async(client: LambdaClient, function: str, event: Mapping[str, Any]) -> None:
    """Queue the event with Lambda, which runs the function and retries it.

    Raises:
        ConfigError: the function does not exist or may not be invoked.
        TransientError: Lambda throttled the call or could not be reached.
    """
    with aws_errors(f"function {function}", "Lambda", not_found=NOT_FOUND):
        client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(dict(event)).encode())
