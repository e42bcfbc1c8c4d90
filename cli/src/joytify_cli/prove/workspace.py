"""A copy of the Terraform configuration in terraform/, applied to an AWS emulator by the steps of docs/deploy.md."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joytify_cli.prove.terraform import Terraform

# The user's own Terraform state, backend configuration, digests and variables, which are not copied.
OWN = shutil.ignore_patterns(
    ".terraform",
    ".terraform.lock.hcl?*",
    "*.tfstate*",
    "*.tfvars",
    "*.tfvars.json",
    "backend.hcl",
    "*_override.tf.json",
)
# Makes Terraform keep the bootstrap's state in a file until the bootstrap has created the state bucket.
FIRST = "first_override.tf.json"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A copy of the configuration, and the emulator that it is applied to.

    Attributes:
        folder: folder of the copy and of the generated files.
        endpoint: URL of the emulator.
        region: AWS region.
        certificate: file of the emulator's TLS certificate; empty for plain HTTP.
        hosts: addresses that are reached without a proxy.
    """

    folder: Path
    endpoint: str
    region: str
    certificate: str = ""
    hosts: str = "127.0.0.1,localhost"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables for Terraform and the AWS command, for the emulator only."""
        own = ("AWS_", "TF_VAR_", "TF_CLI_ARGS", "TF_WORKSPACE", "TF_DATA_DIR")
        return {**{k: v for k, v in os.environ.items() if not k.startswith(own)}, **self.emulator_variables}

    @property
    def emulator_variables(self) -> dict[str, str]:
        """The environment variables that direct commands to the emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            **({"AWS_CA_BUNDLE": self.certificate} if self.certificate else {}),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.folder.resolve() / "aws.config"),
            "AWS_PAGER": "",
            **({"TF_CLI_CONFIG_FILE": mirror} if (mirror := os.environ.get("TF_CLI_CONFIG_FILE")) else {}),
            "NO_PROXY": self.hosts,
        }

    @property
    def bootstrap(self) -> Terraform:
        """The configuration that is applied once per account."""
        return Terraform(self.folder / "terraform" / "bootstrap", self.environment)

    def root(self, environment: str) -> Terraform:
        """Return the pipeline's configuration for dev, staging or prod, with its image digests."""
        data = {"TF_DATA_DIR": f".terraform-{environment}"} if environment != "prod" else {}
        return Terraform(
            self.folder / "terraform", {**self.environment, **data}, (f"images.{environment}.tfvars.json",)
        )

    def prepare(self, *, bootstrap: Mapping[str, Any], root: Mapping[str, Any]) -> None:
        """Copy the configuration and write the variables that this emulator needs."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        shutil.copytree("terraform", self.folder / "terraform", ignore=OWN)
        for stack, variables in ((self.bootstrap, bootstrap), (self.root("prod"), root)):
            text = json.dumps(dict(variables), indent=2)
            (stack.folder / "emulator.auto.tfvars.json").write_text(text, encoding="utf-8")
        # Terraform's S3 backend does not read the endpoint from the environment.
        endpoints = "".join(f'  {name} = "{self.endpoint}"\n' for name in ("s3", "dynamodb", "sts", "iam"))
        emulator = f"use_path_style = true\nskip_credentials_validation = true\nendpoints = {{\n{endpoints}}}\n"
        (self.folder / "terraform" / "emulator.hcl").write_text(emulator, encoding="utf-8")
        # Version 2 of the AWS command expects payloads in base64 unless this option is set.
        (self.folder / "aws.config").write_text("[default]\ncli_binary_format = raw-in-base64-out\n", encoding="utf-8")

    def apply_bootstrap(self) -> int:
        """Apply the bootstrap and move its state into the bucket that it made; return the number of resources."""
        self.keep_state_in_a_file(self.bootstrap)
        made = self.bootstrap.apply()
        backend = str(self.bootstrap.output("backend_hcl"))
        (self.folder / "terraform" / "backend.hcl").write_text(backend, encoding="utf-8")
        (self.bootstrap.folder / FIRST).unlink()
        self.bootstrap.init("-migrate-state", "-force-copy", *self._backend("bootstrap", "../"))
        return made

    def release_state(self) -> None:
        """Move the bootstrap's state from its bucket into a file, and allow Terraform to destroy the bucket."""
        state = self.bootstrap.folder / "state.tf"
        text = state.read_text(encoding="utf-8")
        state.write_text(text.replace("prevent_destroy = true", "prevent_destroy = false"), encoding="utf-8")
        self.keep_state_in_a_file(self.bootstrap, "-migrate-state", "-force-copy")

    def init_root(self, environment: str) -> None:
        """Initialize the pipeline's Terraform; its state is stored in the bucket under ENVIRONMENT.tfstate."""
        self.root(environment).init(*self._backend(environment))

    @staticmethod
    def keep_state_in_a_file(stack: Terraform, *options: str) -> None:
        """Initialize a Terraform configuration, with its state in a file instead of the bucket."""
        (stack.folder / FIRST).write_text('{"terraform": {"backend": {"local": {}}}}\n', encoding="utf-8")
        stack.init(*options)

    @staticmethod
    def _backend(key: str, place: str = "") -> tuple[str, ...]:
        files = (f"-backend-config={place}{file}.hcl" for file in ("backend", "emulator"))
        return (*files, f"-backend-config=key={key}.tfstate")
