"""The committed definition of the state machine, as Terraform fills it in; and an execution of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEFINITION, RETRY = Path("terraform/fan_out.asl.json"), Path("terraform/fan_out_retry.json")


def definition(values: Mapping[str, str]) -> str:
    """Return the definition with the template's values in it; a value that is missing is an error."""
    known = {**values, "label": "spans", "retry": RETRY.read_text(encoding="utf-8")}
    return re.sub(r"\$\{(\w+)\}", lambda name: known[name[1]], DEFINITION.read_text(encoding="utf-8"))


def execute(client: Any, machine: str, event: Mapping[str, Any], seconds: float = 300) -> dict[str, Any]:
    """Start an execution and return its description once it has ended."""
    execution = client.start_execution(stateMachineArn=machine, input=json.dumps(dict(event)))["executionArn"]
    return wait_for_end(client, execution, seconds)


def wait_for_end(client: Any, execution: str, seconds: float = 300) -> dict[str, Any]:
    """Return the description of an execution once it has ended."""
    limit = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = client.describe_execution(executionArn=execution)
        if found["status"] != "RUNNING":
            return found
        assert time.monotonic() < limit, found
        time.sleep(0.2)
