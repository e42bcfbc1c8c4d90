"""The pipeline as `make deploy-local` leaves it up, and what a second emulator makes of the same Terraform."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from background import LIMIT_SECONDS, await_command
from second_emulator import RESULT

from joytify_local.deployment import Deployment
from joytify_local.stack import load_deployed_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """The deployment; when the last test is over it is destroyed, and nothing may be left."""
    told = await_command(request.config, "deployment")
    stack = load_deployed_stack()
    assert told.splitlines()[-1].startswith("deploy-local: ok"), told
    assert stack is not None
    try:
        yield Deployment(stack)
    finally:
        done = subprocess.run(
            ["make", "destroy-local"], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )
        assert done.stdout.strip().splitlines()[-1:][0].startswith("destroy-local: ok"), done.stdout + done.stderr


@pytest.fixture(scope="session")
def second_emulator(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What each stack came to on moto."""
    await_command(request.config, "second_emulator")
    results: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return results
