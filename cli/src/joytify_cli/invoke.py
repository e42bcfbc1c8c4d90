"""`joytify invoke`: call a function as an operator would."""

from __future__ import annotations

import json
from typing import Annotated, Any

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from joytify_local.aws import FUNCTIONS
from joytify_local.stack import load_stack

console = Console()
FUNCTION_SECONDS = 910


def invoke(
    function: Annotated[str, typer.Argument(help=f"One of: {', '.join(FUNCTIONS)}")],
    *,
    payload: Annotated[str, typer.Option(help="The event, as a JSON object")] = "{}",
    aws: Annotated[
        bool, typer.Option("--aws", help="Call the AWS account of the environment, not the local one")
    ] = False,
) -> None:
    """Call a function and print its answer; exit 1 if it fails."""
    if function not in FUNCTIONS:
        raise typer.BadParameter(f"{function!r} is none of {', '.join(FUNCTIONS)}", param_hint="FUNCTION")
    try:
        json.loads(payload)
    except ValueError as exc:
        raise typer.BadParameter(f"it must be JSON: {exc}", param_hint="--payload") from None
    try:
        answer = _client(aws=aws).invoke(FunctionName=FUNCTIONS[function], Payload=payload.encode())
    except (BotoCoreError, ClientError) as exc:
        raise typer.BadParameter(f"AWS could not be asked: {exc}") from None
    console.print_json(answer["Payload"].read().decode() or "null")
    if "FunctionError" in answer:
        raise typer.Exit(1)


def _client(*, aws: bool) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    if aws:
        # A call that is sent again would run the function again.
        config = Config(read_timeout=FUNCTION_SECONDS, retries={"total_max_attempts": 1})
        return boto3.client("lambda", config=config)
    if (stack := load_stack()) is None:
        raise typer.BadParameter(
            "no local stack is running: start one with `KEEP=1 make demo` or `make up`, or say --aws"
        )
    return stack.client("lambda")
