"""The pipeline that `make deploy-local` leaves running, and the same Terraform applied to a second emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from second_emulator import RESULT

from joytify_cli.prove.deployment import Deployment
from joytify_cli.prove.terraform import TerraformError
from joytify_local.stack import load_deployed_stack

LIMIT_SECONDS = 25 * 60


@pytest.fixture(autouse=True)
def _network(socket_enabled: None) -> None:
    """Every test in this folder may use the network of this machine."""


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The deployment; afterwards, the first attempt to destroy it must fail, since its archive is not empty."""
    # bin/test-deploy has built the images.
    deployed = run("make", "deploy-local", IMAGES_BUILT="1")
    assert deployed.splitlines()[-1].startswith("deploy-local: ok"), deployed
    stack = load_deployed_stack()
    assert stack is not None
    try:
        yield Deployment(stack)
        _check_that_the_archive_keeps_its_key(Deployment(stack))
    finally:
        destroyed = run("make", "destroy-local")
        assert destroyed.splitlines()[-1].startswith("destroy-local: ok"), destroyed


def _check_that_the_archive_keeps_its_key(deployment: Deployment) -> None:
    """Check that a destroy that fails on a filled archive keeps the archive's encryption key."""
    kms, bucket = deployment.stack.client("kms"), deployment.root.output("archive_bucket")
    (key,) = (a["TargetKeyId"] for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/joytify-pipeline")
    assert deployment.stack.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] > 0

    with pytest.raises(TerraformError, match="BucketNotEmpty"):
        deployment.root.destroy()

    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.fixture(scope="session")
def second_emulator() -> dict[str, Any]:
    """Figures of each stack on moto, by its name; see tests/second_emulator.py."""
    run(sys.executable, "tests/second_emulator.py")
    results: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return results


def run(*command: str, **environment: str) -> str:
    """Run a command and return its output; an assertion fails if the command fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()
