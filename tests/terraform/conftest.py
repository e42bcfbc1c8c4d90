"""The pipeline as `make deploy-local` leaves it up, and what a second emulator makes of the same Terraform."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from background import LIMIT_SECONDS, await_command
from second_emulator import RESULT

from joytify_cli.prove.deployment import Deployment
from joytify_cli.prove.terraform import TerraformError
from joytify_local.stack import load_deployed_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def deployment() -> Iterator[Deployment]:
    """The deployment; it is destroyed when the last test is over, first with its archive filled."""
    output = await_command("deployment")
    stack = load_deployed_stack()
    assert output.splitlines()[-1].startswith("deploy-local: ok"), output
    assert stack is not None
    deployed = Deployment(stack)
    try:
        yield deployed
        _check_that_the_archive_keeps_its_key(deployed)
    finally:
        done = subprocess.run(
            ["make", "destroy-local"], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )
        assert done.stdout.strip().splitlines()[-1:][0].startswith("destroy-local: ok"), done.stdout + done.stderr


def _check_that_the_archive_keeps_its_key(deployment: Deployment) -> None:
    """Check that a destroy which the filled archive stops leaves the key, without which nobody could read it."""
    kms, bucket = deployment.stack.client("kms"), deployment.root.output("archive_bucket")
    (key,) = (a["TargetKeyId"] for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/joytify-pipeline")
    assert deployment.stack.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] > 0

    with pytest.raises(TerraformError, match="BucketNotEmpty"):
        deployment.root.destroy()

    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


@pytest.fixture(scope="session")
def second_emulator() -> dict[str, Any]:
    """What each stack came to on moto."""
    await_command("second_emulator")
    results: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return results
