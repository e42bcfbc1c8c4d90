"""The pipeline on a local AWS: its Terraform configuration, and the search for resources left after removal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joytify_cli.docker import docker
from joytify_cli.prove.terraform import Terraform
from joytify_cli.prove.workspace import Workspace
from joytify_local.aws import REGION
from joytify_local.stack import Stack

FOLDER = Path("build/deploy-local")
DATABASE = "joytify-deployed"
# Variables of the local deployment; a deployment to a real AWS account sets its own values.
BOOTSTRAP = {"github_repository": "octocat/my-repo", "github_ids": {"owner": 123456, "repository": 456789}}
VARIABLES = {"db_name": DATABASE, "enable_archive": True, "alarm_email": "operators@example.org"}


@dataclass(frozen=True)
class Deployment:
    """A stack and the Terraform that is applied to it."""

    stack: Stack

    @property
    def workspace(self) -> Workspace:
        """The copy of the configuration, and the address of AWS."""
        return Workspace(
            folder=FOLDER,
            endpoint=self.stack.aws,
            region=REGION,
            certificate=self.stack.certificate,
            hosts=f"{urlsplit(self.stack.aws).hostname},127.0.0.1,localhost",
        )

    @property
    def root(self) -> Terraform:
        """The pipeline's configuration for prod."""
        return self.workspace.root("prod")

    def prepare(self) -> None:
        """Copy the configuration, and write `env.sh`, with which a shell finds the local AWS."""
        self.workspace.prepare(bootstrap=BOOTSTRAP, root=VARIABLES)
        exports = "".join(f"export {name}={value!r}\n" for name, value in self.workspace.emulator_variables.items())
        # Some versions of the AWS command do not read the endpoint from the environment, or not for every service.
        function = 'aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }\n'
        (FOLDER / "env.sh").write_text('unset "${!AWS_@}" "${!TF_VAR_@}"\n' + exports + function, encoding="utf-8")

    def left_over(self) -> dict[str, list[str]]:
        """Return the names of the remaining resources, by kind; empty if all are destroyed."""
        kinds = {
            "repositories": ("ecr", "describe_repositories", "repositories", "repositoryName"),
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
            # `list_secrets` omits secrets that wait for the end of their recovery window.
            "secrets": ("secretsmanager", "list_secrets", "SecretList", "Name"),
            "key aliases": ("kms", "list_aliases", "Aliases", "AliasName"),
            "subscriptions": ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
        }
        found = {kind: self._names(*call) for kind, call in kinds.items()}
        # Resources that belong to AWS itself.
        own = ("alias/aws/", "AWSServiceRole")
        return {kind: rest for kind, names in found.items() if (rest := [n for n in names if not n.startswith(own)])}

    def _names(self, service: str, call: str, key: str, name: str | None) -> list[str]:
        answer: dict[str, Any] = getattr(self.stack.client(service), call)()
        return [str(item[name] if name else item) for item in answer.get(key, [])]

    def remove_images(self) -> None:
        """Remove the functions' containers and the images that were pulled from the stack's registry."""
        for line in docker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Image}}").splitlines():
            # By image name, not by image id: another deployment may have pulled the same image from
            # its own registry.
            container, image = line.split(maxsplit=1)
            if image.startswith(self.stack.registry + "/"):
                docker("rm", "-f", container)
        references = docker("image", "ls", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}").splitlines()
        for repository, tag, digest in (line.split() for line in references):
            if repository.startswith(self.stack.registry + "/"):
                name = f"{repository}@{digest}" if tag == "<none>" else f"{repository}:{tag}"
                docker("image", "rm", "-f", name)
