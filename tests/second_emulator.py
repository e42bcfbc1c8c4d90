"""Runs the committed Terraform against a second, independent emulator (moto): plan, apply, second plan, destroy.

It is part of `make test-deploy`. Every value that can differ from `make deploy-local` is different: region, names,
environment, optional resources. The results go to build/second-emulator/result.json. moto ignores the
conditions in a bucket's policy and denies everything that the policy mentions, so the Terraform states are kept in
files.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import boto3

from joytify_cli.prove.terraform import Terraform, changes
from joytify_cli.prove.workspace import Workspace
from joytify_local.processes import answers, free_port, start, stop

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "second-emulator"
RESULT = FOLDER / "result.json"
MOTO = ROOT / "build" / "moto" / "bin" / "moto_server"
EXAMPLES = ROOT / "terraform" / "examples"
# The region of examples/everything.tfvars, the example that is applied.
REGION = "eu-west-1"
SECRET = "music/staging"  # noqa: S105 - the name, not a value
BOOTSTRAP = {
    "project_name": "music",
    "region": REGION,
    "keep_images": 9,
    "pull_account_ids": ["210987654321"],
    "github_repository": "octocat/my-repo",
    "github_ids": {"owner": 123456, "repository": 456789},
    "github_branch": "release",
    "github_apply_policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess",
}
DIGESTS = {"stats": "sha256:" + "1" * 64, "cleanup": "sha256:" + "2" * 64, "discord": "sha256:" + "3" * 64}
# The provider asks AWS to validate a state machine's definition, which moto does not support.
UNKNOWN = "enable_fan_out = false\n"
# moto forgets this part of a lifecycle rule, and the provider waits until it is there.
FORGOTTEN = "      newer_noncurrent_versions = 20\n"


@dataclass(frozen=True)
class Applied:
    """Figures of one stack.

    Attributes:
        made: resources that an apply added.
        drift: attributes that a second plan would change, by address.
        destroyed: resources that a destroy removed.
    """

    made: int
    drift: dict[str, list[str]]
    destroyed: int


def run() -> dict[str, object]:
    """Apply and destroy bootstrap and the pipeline (everything.tfvars), plan the other examples; return the results."""
    port = free_port("127.0.0.1")
    workspace = Workspace(folder=FOLDER, endpoint=f"http://127.0.0.1:{port}", region=REGION)
    workspace.prepare(bootstrap=BOOTSTRAP, root={"image_digests": DIGESTS})
    _adapt_for_moto(workspace.bootstrap.folder / "state.tf")
    command = [str(MOTO), "-H", "127.0.0.1", "-p", str(port)]
    ready = partial(answers, workspace.endpoint + "/moto-api/")
    pid = start(command, FOLDER / "moto.log", ready, {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"})
    try:
        _make_secret(workspace.endpoint)
        root = Terraform(workspace.folder / "terraform", workspace.environment)
        workspace.keep_state_in_a_file(root)
        workspace.keep_state_in_a_file(workspace.bootstrap)
        without = FOLDER / "without.tfvars"
        without.write_text(UNKNOWN, encoding="utf-8")
        examples = {
            file: Terraform(root.folder, root.environment, (str(file), str(without)))
            for file in EXAMPLES.rglob("*.tfvars")
        }
        applied = EXAMPLES / "everything.tfvars"
        planned = {
            str(file.relative_to(EXAMPLES)): len(changes(stack.plan()))
            for file, stack in examples.items()
            if file != applied
        }
        # Applying and destroying is mostly waiting: the provider polls some resources before it goes on.
        with ThreadPoolExecutor() as workers:
            bootstrap, everything = workers.map(_apply_and_destroy, (workspace.bootstrap, examples[applied]))
        return {"planned": planned, "bootstrap": asdict(bootstrap), "everything": asdict(everything)}
    finally:
        stop([pid])


def _make_secret(endpoint: str) -> None:
    account = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("secretsmanager", endpoint_url=endpoint, region_name=REGION, **account)
    client.create_secret(Name=SECRET, SecretString="{}")


def _apply_and_destroy(stack: Terraform) -> Applied:
    made = stack.apply()
    drift = {change.address: sorted(change.attributes) for change in changes(stack.plan())}
    return Applied(made, drift, stack.destroy())


def _adapt_for_moto(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if FORGOTTEN not in text:
        raise RuntimeError(f"{file} has changed: it does not say {FORGOTTEN!r}")
    file.write_text(text.replace(FORGOTTEN, "").replace("prevent_destroy = true", ""), encoding="utf-8")


def main() -> None:
    """Run it and write the results."""
    os.chdir(ROOT)
    RESULT.unlink(missing_ok=True)
    results = json.dumps(run(), indent=2)
    RESULT.write_text(results, encoding="utf-8")
    print(results)  # noqa: T201 - for people who run it by hand


if __name__ == "__main__":
    main()
