"""Gateway: start another function, or a state machine, without waiting for it."""

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

# With the last attempt, which may begin just before, within what is kept back of Lambda's time.
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
        # A second call would start it twice, if Lambda has taken the first.
        raise TransientError(f"{exc}: it may have been started") from exc


def start_execution(client: SFNClient, machine: str, event: Mapping[str, Any], name: str) -> None:
    """Have a state machine run with this input; a second start with the same name is the first.

    Args:
        client: boto3's client of Step Functions.
        machine: ARN of the state machine.
        event: its input.
        name: of the execution; at most 80 letters, digits, hyphens and underscores.

    Raises:
        ConfigError: the state machine does not exist or may not be started.
        TransientError: Step Functions throttled the call or could not be reached.
    """
    started_before = suppress(client.exceptions.ExecutionAlreadyExists)
    for attempt in quick_attempts(RETRY_SECONDS, is_repeatable=True):
        with attempt, aws_errors(f"state machine {machine}", "Step Functions", not_found=NO_MACHINE), started_before:
            client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(dict(event)))
