"""The pipeline as `make deploy-local` leaves it up: created by Terraform, IAM enforced."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from joytify_local.deployment import Deployment
from joytify_local.stack import load_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE_IT_STOPS = 25 * 60


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """The deployment; when the module's tests are over it is destroyed, and nothing may be left."""
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed here")
    told = _make("deploy-local")
    stack = load_stack()
    assert told.startswith("deploy-local: ok"), told
    assert stack is not None
    try:
        yield Deployment(stack)
    finally:
        told = _make("destroy-local")
        assert told.startswith("destroy-local: ok"), told


def _make(target: str) -> str:
    done = subprocess.run(["make", target], capture_output=True, text=True, check=False, timeout=BEFORE_IT_STOPS)
    lines = done.stdout.strip().splitlines()
    print(done.stdout, done.stderr)  # noqa: T201 - pytest shows it where a test fails
    return lines[-1] if done.returncode == 0 else f"{lines[-1:]} {done.stderr}"
