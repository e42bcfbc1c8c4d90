"""Gateway: start a function or a state machine without waiting for the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from joytify_common.aws import NoAnswerError, aws_errors, quick_attempts
from joytify_common.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_stepfunctions import SFNClient

# No retry is scheduled after RETRY_SECONDS. The sum of RETRY_SECONDS, the wait before the last attempt and the attempt
# itself fits into the time that is reserved after the deadline.
RETRY_SECONDS = 1.0
NOT_FOUND = {"ResourceNotFoundException", "InvalidParameterValueException"}
NO_MACHINE = {"StateMachineDoesNotExist", "StateMachineDeleting", "InvalidArn"}


def invoke_async(client: LambdaClient, function: str, event: Mapping[str, Any]) -> None:
    """Queue the event with Lambda, which runs the function and retries it.

    Raises:
        ConfigError: the function does not exist or may not be invoked.
        TransientError: Lambda throttled the call or could not be reached.
    """
    payload = json.dumps(dict(event)).encode()
    try:
        for attempt in quick_attempts(RETRY_SECONDS, is_repeatable=False):
            with attempt, aws_errors(f"function {function}", "Lambda", not_found=NOT_FOUND):
                client.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
    except NoAnswerError as exc:
        # If Lambda has accepted the first call, a second call would start the function twice.
        raise TransientError(f"{exc}; the function may have been started anyway") from exc


def start_execution(client: SFNClient, machine: str, event: Mapping[str, Any], name: str) -> None:
    """Start an execution of a state machine; a second start with the same name has no effect.

    Args:
        client: boto3's client for Step Functions.
        machine: ARN of the state machine.
        event: input of the execution.
        name: name of the execution; at most 80 letters, digits, hyphens and underscores.

    Raises:
        ConfigError: the state machine does not exist or may not be started.
        TransientError: Step Functions throttled the call or could not be reached.
    """
    ignore_if_started = suppress(client.exceptions.ExecutionAlreadyExists)
    for attempt in quick_attempts(RETRY_SECONDS, is_repeatable=True):
        with attempt, aws_errors(f"state machine {machine}", "Step Functions", not_found=NO_MACHINE), ignore_if_started:
            client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(dict(event)))
