"""The committed Terraform on a local AWS: where it is applied, with which environment, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joytify_local.aws import REGION
from joytify_local.docker import docker
from joytify_local.terraform import Terraform

if TYPE_CHECKING:
    from joytify_local.stack import Stack

FOLDER = Path("build/deploy-local")
DATABASE = "joytify-deployed"
# A copy is applied, so that the user's own backend, digests and variables stay as they are.
OWN = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars", "*.tfvars.json", "backend.hcl")
# What this machine's stack differs in from an account's.
VARIABLES = {"db_name": DATABASE, "enable_archive": True, "alarm_email": "operators@example.org"}


@dataclass(frozen=True)
class Deployment:
    """A stack and the Terraform that is applied to it."""

    stack: Stack

    @property
    def environment(self) -> dict[str, str]:
        """The environment of Terraform and of the AWS command: the local AWS, and nothing of the user's account."""
        own = ("AWS_", "TF_VAR_", "TF_CLI_ARGS", "TF_WORKSPACE", "TF_DATA_DIR")
        return {**{k: v for k, v in os.environ.items() if not k.startswith(own)}, **self.address}

    @property
    def address(self) -> dict[str, str]:
        """What finds the local AWS."""
        return {
            "AWS_ENDPOINT_URL": self.stack.aws,
            "AWS_CA_BUNDLE": self.stack.certificate,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(FOLDER.resolve() / "aws.config"),
            "AWS_PAGER": "",
            **({"TF_CLI_CONFIG_FILE": mirror} if (mirror := os.environ.get("TF_CLI_CONFIG_FILE")) else {}),
            "NO_PROXY": f"{self.stack.host},127.0.0.1,localhost",
        }

    @property
    def bootstrap(self) -> Terraform:
        """What is applied once for an account."""
        return Terraform(FOLDER / "terraform" / "bootstrap", self.environment)

    @property
    def root(self) -> Terraform:
        """The pipeline."""
        return Terraform(FOLDER / "terraform", self.environment)

    @property
    def dev(self) -> Terraform:
        """The same configuration for another environment of the same account."""
        return Terraform(FOLDER / "terraform", {**self.environment, "TF_DATA_DIR": ".terraform-dev"})

    def prepare(self) -> None:
        """Copy the configuration, and write down how a shell finds the local AWS."""
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        shutil.copytree("terraform", FOLDER / "terraform", ignore=OWN)
        (FOLDER / "terraform" / "local.auto.tfvars.json").write_text(json.dumps(VARIABLES, indent=2), encoding="utf-8")
        exports = "".join(f"export {name}={value!r}\n" for name, value in self.address.items())
        # Not every version of the AWS command reads the endpoint from the environment, or for every service.
        function = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }\n'
        (FOLDER / "env.sh").write_text('unset "${!AWS_@}" "${!TF_VAR_@}"\n' + exports + function, encoding="utf-8")
        # Version 2 of the AWS command takes a payload as base64 unless it is told otherwise.
        (FOLDER / "aws.config").write_text("[default]\ncli_binary_format = raw-in-base64-out\n", encoding="utf-8")

    def init_root(self, root: Terraform, key: str) -> None:
        """Make the root stack ready, with its state under this key in the bucket that the bootstrap made."""
        backend = FOLDER / "terraform" / "backend.hcl"
        backend.write_text(str(self.bootstrap.output("backend_hcl")), encoding="utf-8")
        # The backend does not read the endpoint from the environment.
        endpoints = "".join(f'  {name} = "{self.stack.aws}"\n' for name in ("s3", "dynamodb", "sts", "iam"))
        emulator = f"use_path_style = true\nskip_credentials_validation = true\nendpoints = {{\n{endpoints}}}\n"
        (FOLDER / "terraform" / "emulator.hcl").write_text(emulator, encoding="utf-8")
        files = ("backend.hcl", "emulator.hcl")
        root.init(*(f"-backend-config={file}" for file in files), f"-backend-config=key={key}")

    def empty_archive(self) -> None:
        """Delete what the archive holds; a bucket that holds something cannot be destroyed."""
        bucket, client = self.root.output("archive_bucket"), self.stack.client("s3")
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for held in page.get("Contents", []):
                client.delete_object(Bucket=bucket, Key=held["Key"])

    def left_over(self) -> dict[str, list[str]]:
        """Return the names of what is left in the local AWS besides what the bootstrap made, by kind."""
        kinds = {
            "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
            "rules": ("events", "list_rules", "Rules", "Name"),
            "topics": ("sns", "list_topics", "Topics", "TopicArn"),
            "queues": ("sqs", "list_queues", "QueueUrls", None),
            "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
            "dashboards": ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
            "log groups": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
            "roles": ("iam", "list_roles", "Roles", "RoleName"),
            "tables": ("dynamodb", "list_tables", "TableNames", None),
            "buckets": ("s3", "list_buckets", "Buckets", "Name"),
            # Without those that are to be deleted after their days of grace.
            "secrets": ("secretsmanager", "list_secrets", "SecretList", "Name"),
            "names of keys": ("kms", "list_aliases", "Aliases", "AliasName"),
            "subscriptions": ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
        }
        found = {kind: self._names(*call) for kind, call in kinds.items()}
        bootstrap = {self.bootstrap.output("state_bucket"), self.bootstrap.output("lock_table")}
        own = ("alias/aws/", "AWSServiceRole")
        left = {kind: [n for n in names if not n.startswith(own)] for kind, names in found.items()}
        return {kind: rest for kind, names in left.items() if (rest := [n for n in names if n not in bootstrap])}

    def _names(self, service: str, call: str, key: str, name: str | None) -> list[str]:
        answer: dict[str, Any] = getattr(self.stack.client(service), call)()
        return [str(item[name] if name else item) for item in answer.get(key, [])]

    def remove_images(self) -> None:
        """Remove the functions' containers and the images that were pulled from the stack's registry."""
        references = docker("image", "ls", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}").splitlines()
        for repository, tag, digest in (line.split() for line in references):
            if repository.startswith(self.stack.registry + "/"):
                name = f"{repository}@{digest}" if tag == "<none>" else f"{repository}:{tag}"
                if containers := docker("ps", "-aq", "--filter", f"ancestor={name}").split():
                    docker("rm", "-f", *containers)
                docker("image", "rm", "-f", name)
