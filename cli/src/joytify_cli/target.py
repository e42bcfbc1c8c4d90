"""Where the pipeline runs: in the AWS account of the credentials, or in the running local stack."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import boto3
import typer
from botocore.config import Config

from joytify_cli.extras import missing_extras
from joytify_cli.terminal import UsageError
from joytify_common.aws import aws_errors
from joytify_common.errors import JobError

if TYPE_CHECKING:
    from joytify_local.stack import Stack

FunctionName = Literal["stats", "cleanup", "discord"]
FUNCTIONS: tuple[FunctionName, ...] = ("stats", "cleanup", "discord")
# Lambda stops a function after 900 s. No retry: it would run the function again.
# Keepalive: a NAT on the way drops a connection that is idle for minutes.
INVOKE = Config(read_timeout=910, retries={"total_max_attempts": 1}, tcp_keepalive=True)
CALL = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
# How to remove what is left of a local stack that has ended.
REMOVE_COMMANDS = {"embedded": "make down", "containers": "make down", "deployed": "make destroy-local"}
CONNECT_SECONDS = 5
NOT_FOUND = {"ResourceNotFoundException"}
# The same names as in terraform/; tests/deploy/test_operations.py compares the two.
FUNCTION_ALARMS = ("errors", "throttles", "duration", "dropped")
QUEUES = ("stats-failed", "cleanup-failed", "discord-failed", "discord-undelivered", "schedules-missed")
FAN_OUT_ALARMS = ("failed", "timed-out", "aborted", "throttled")
RULES = ("monthly-stats", "weekly-cleanup", "heartbeat")
# Maximum number of days without a success.
MAX_DAYS_WITHOUT_SUCCESS: dict[FunctionName, int] = {"stats": 32, "cleanup": 8}

EnvironmentName = Literal["dev", "staging", "prod"]


@dataclass(frozen=True)
class Names:
    """Names of one environment's resources, as terraform/locals.tf makes them."""

    project: str = "joytify"
    environment: str = "prod"

    @property
    def prefix(self) -> str:
        """Common prefix of all names."""
        return self.project if self.environment == "prod" else f"{self.project}-{self.environment}"

    @property
    def functions(self) -> dict[FunctionName, str]:
        """Deployed name of each function."""
        return {
            "stats": f"{self.prefix}-monthly-stats-notification",
            "cleanup": f"{self.prefix}-playback-data-cleanup",
            "discord": f"{self.prefix}-discord-notification",
        }

    @property
    def alarms(self) -> set[str]:
        """Names of all alarms except those of the state machine."""
        of_functions = {f"{name}-{kind}" for name in self.functions.values() for kind in FUNCTION_ALARMS}
        of_jobs = {
            f"{self.functions[job]}-{kind}" for job in MAX_DAYS_WITHOUT_SUCCESS for kind in ("silence", "report-lost")
        }
        return of_functions | of_jobs | self.queues | {f"{self.prefix}-storage"}

    @property
    def fan_out(self) -> str:
        """Name of the state machine that divides cleanup; it exists only with `enable_fan_out`."""
        return f"{self.prefix}-cleanup-fan-out"

    @property
    def fan_out_alarms(self) -> set[str]:
        """Names of the state machine's alarms."""
        return {f"{self.fan_out}-{kind}" for kind in FAN_OUT_ALARMS}

    @property
    def queues(self) -> set[str]:
        """Names of all dead-letter queues; an alarm of the same name watches each."""
        return {f"{self.prefix}-{queue}" for queue in QUEUES}

    @property
    def rules(self) -> set[str]:
        """Names of the rules that exist in every deployment."""
        return {f"{self.prefix}-{rule}" for rule in RULES}

    @property
    def secret(self) -> str:
        """Name of the secret."""
        suffix = "" if self.environment == "prod" else f"_{self.environment.upper()}"
        return f"MERN_JOYTIFY_ENVS{suffix}"


@dataclass(frozen=True)
class Target:
    """An AWS account or a local stack in which the pipeline runs.

    Attributes:
        names: names of the pipeline's resources.
        stack: the local stack; None for an AWS account.
    """

    names: Names = field(default_factory=Names)
    stack: Stack | None = None

    @property
    def place(self) -> str:
        """Description of the target, for messages."""
        return f"the {self.stack.way} local stack" if self.stack else "AWS"

    @property
    def flags(self) -> str:
        """Options that make another `joytify` command work on the same target."""
        usual = Names()
        project = f" --project {self.names.project}" if self.names.project != usual.project else ""
        environment = f" --environment {self.names.environment}" if self.names.environment != usual.environment else ""
        return f"{'' if self.stack else ' --aws'}{project}{environment}"

    def client(self, service: str, config: Config = CALL) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return boto3's client for a service of the target.

        Raises:
            ConfigError: the AWS profile does not exist, or its credentials are incomplete.
            TransientError: the client cannot be created for another reason.
            UsageError: the AWS configuration is invalid.
        """
        if self.stack is not None:
            return self.stack.client(service)
        try:
            with aws_errors(f"client of {service}", "AWS"):
                return boto3.client(service, region_name=self.region, config=config)
        except ValueError as exc:
            # For instance an AWS_ENDPOINT_URL that is not a URL.
            raise UsageError(f"the AWS configuration: {exc}") from None

    @cached_property
    def region(self) -> str:
        """The AWS region from the environment variables or boto3's configuration.

        Raises:
            UsageError: no region is configured.
        """
        if self.stack is not None:
            return str(self.stack.client("sts").meta.region_name)
        # Terraform reads AWS_REGION; boto3 reads only AWS_DEFAULT_REGION and the profile.
        region = os.environ.get("AWS_REGION") or boto3.session.Session().region_name
        if not region:
            raise UsageError("AWS_REGION is not set: set it to the region in which the pipeline runs")
        return str(region)

    def find(self, kind: str, wanted: str, names: Collection[str]) -> str:
        """Return the name of a resource, given its name with or without the prefix.

        Raises:
            UsageError: there is no such resource.
        """
        for name in (wanted, f"{self.names.prefix}-{wanted}"):
            if name in names:
                return name
        raise UsageError(f"no {kind} {wanted!r} in {self.place}; there are: {', '.join(names) or 'none'}")

    def function_settings(self, function: FunctionName) -> Mapping[str, str]:
        """Return the environment variables of a function.

        Raises:
            ConfigError: the function does not exist, or access is denied.
            TransientError: Lambda could not be reached.
        """
        name = self.names.functions[function]
        with aws_errors(f"function {name}", "Lambda", not_found=NOT_FOUND):
            answer = self.client("lambda").get_function_configuration(FunctionName=name)
        variables: dict[str, str] = answer.get("Environment", {}).get("Variables", {})
        return variables

    @cached_property
    def secret_id(self) -> str:
        """Name or ARN of the functions' secret; the default name if no settings can be read."""
        for function in FUNCTIONS:
            try:
                return self.function_settings(function).get("SECRET_ID") or self.names.secret
            except JobError:
                continue
        return self.names.secret


@dataclass(frozen=True, kw_only=True)
class Where:
    """The options that select an AWS account or the local stack, and the names of the resources in it."""

    aws: Annotated[
        bool, typer.Option("--aws", help="Use the AWS account of the credentials; default: the running local stack")
    ] = False
    project: Annotated[str, typer.Option(help="project_name in Terraform: the prefix of the resources' names")] = (
        "joytify"
    )
    environment: Annotated[EnvironmentName, typer.Option(help="environment in Terraform")] = "prod"

    def target(self, *, may_be_down: bool = False) -> Target:
        """Return the target in the AWS account, or in the running local stack.

        Raises:
            UsageError: no local stack is running, or the package joytify_local is not installed.
        """
        names = Names(self.project, self.environment)
        if self.aws:
            target = Target(names)
            # Without a region, no call can be made: say so once.
            _ = target.region
            return target
        with missing_extras():
            from joytify_local.processes import StartError  # noqa: PLC0415 - operators install without it
            from joytify_local.stack import load_stack  # noqa: PLC0415 - the same
        try:
            stack = load_stack()
        except StartError as exc:
            raise UsageError(str(exc)) from None
        if stack is None:
            raise UsageError(
                "no local stack was started in this folder, or it has ended: start one with `KEEP=1 make demo`, "
                "`make up` or `make deploy-local`, or select another target (see the command's --help)"
            )
        if not may_be_down and not _is_up(stack.aws):
            raise UsageError(
                f"the {stack.way} local stack has ended: `{REMOVE_COMMANDS[stack.way]}`, then start it again"
            )
        return Target(names, stack)


def _is_up(url: str) -> bool:
    """Return whether something listens at the address."""
    address = urlsplit(url)
    try:
        socket.create_connection((str(address.hostname), address.port or 443), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
