"""Where the pipeline runs: in the AWS account of the environment, or in the local stack that is up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
# Lambda stops a function after 900 s. A call that is sent again would run the function again.
# What translates addresses on the way forgets a connection on which nothing is sent for minutes.
INVOKE = Config(read_timeout=910, retries={"total_max_attempts": 1}, tcp_keepalive=True)
CALL = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
NOT_FOUND = {"ResourceNotFoundException"}
# As in terraform/; tests/unit/test_in_step.py compares them with what is deployed.
FUNCTION_ALARMS = ("errors", "throttles", "duration", "dropped")
QUEUES = ("stats-failed", "cleanup-failed", "discord-failed", "discord-undelivered", "schedules-missed")
FAN_OUT_ALARMS = ("failed", "timed-out", "aborted", "throttled")
RULES = ("monthly-stats", "weekly-cleanup", "heartbeat")
# Days without a success that are too many.
LONGEST_SILENCE_DAYS: dict[FunctionName, int] = {"stats": 32, "cleanup": 8}

Aws = Annotated[
    bool, typer.Option("--aws", help="The AWS account of the environment; default: the local stack that is up")
]
Project = Annotated[str, typer.Option(help="project_name in Terraform: what the resources' names begin with")]
EnvironmentName = Literal["dev", "staging", "prod"]
Environment = Annotated[EnvironmentName, typer.Option(help="environment in Terraform")]


@dataclass(frozen=True)
class Names:
    """Names of one environment's resources, as terraform/locals.tf makes them."""

    project: str = "joytify"
    environment: str = "prod"

    @property
    def prefix(self) -> str:
        """What every name begins with."""
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
        """Every alarm."""
        of_functions = {f"{name}-{kind}" for name in self.functions.values() for kind in FUNCTION_ALARMS}
        of_jobs = {
            f"{self.functions[job]}-{kind}" for job in LONGEST_SILENCE_DAYS for kind in ("silence", "report-lost")
        }
        return of_functions | of_jobs | self.queues | {f"{self.prefix}-storage"}

    @property
    def fan_out(self) -> str:
        """The state machine that divides cleanup; it is there only with `enable_fan_out`."""
        return f"{self.prefix}-cleanup-fan-out"

    @property
    def fan_out_alarms(self) -> set[str]:
        """The alarms of the state machine."""
        return {f"{self.fan_out}-{kind}" for kind in FAN_OUT_ALARMS}

    @property
    def queues(self) -> set[str]:
        """Every dead-letter queue; an alarm of the same name watches it."""
        return {f"{self.prefix}-{queue}" for queue in QUEUES}

    @property
    def rules(self) -> set[str]:
        """Every rule that is always there."""
        return {f"{self.prefix}-{rule}" for rule in RULES}

    @property
    def secret(self) -> str:
        """Name of the secret."""
        suffix = "" if self.environment == "prod" else f"_{self.environment.upper()}"
        return f"MERN_JOYTIFY_ENVS{suffix}"


@dataclass(frozen=True)
class Target:
    """An AWS with the pipeline in it.

    Attributes:
        names: of its resources.
        stack: the local stack; None for an account.
    """

    names: Names = field(default_factory=Names)
    stack: Stack | None = None

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"the {self.stack.way} local stack" if self.stack else "AWS"

    @property
    def flags(self) -> str:
        """What a command needs to be given to work there."""
        usual = Names()
        project = f" --project {self.names.project}" if self.names.project != usual.project else ""
        environment = f" --environment {self.names.environment}" if self.names.environment != usual.environment else ""
        return f"{'' if self.stack else ' --aws'}{project}{environment}"

    def client(self, service: str, config: Config = CALL) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return a client of a service there.

        Raises:
            ConfigError: access is denied.
            TransientError: there are no credentials.
        """
        if self.stack is not None:
            return self.stack.client(service)
        with aws_errors(f"client of {service}", "AWS"):
            return boto3.client(service, region_name=self.region, config=config)

    @cached_property
    def region(self) -> str:
        """The region that the environment names.

        Raises:
            UsageError: it names none.
        """
        if self.stack is not None:
            return str(self.stack.client("sts").meta.region_name)
        # Terraform reads the first of them, boto3 only the others.
        region = os.environ.get("AWS_REGION") or boto3.session.Session().region_name
        if not region:
            raise UsageError("AWS_REGION is not set: it says in which region the pipeline runs")
        return str(region)

    def function_settings(self, function: FunctionName) -> Mapping[str, str]:
        """Return the environment variables of a function.

        Raises:
            ConfigError: it does not exist, or access is denied.
            TransientError: Lambda could not be reached.
        """
        name = self.names.functions[function]
        with aws_errors(f"function {name}", "Lambda", not_found=NOT_FOUND):
            answer = self.client("lambda").get_function_configuration(FunctionName=name)
        variables: dict[str, str] = answer.get("Environment", {}).get("Variables", {})
        return variables

    @cached_property
    def secret_id(self) -> str:
        """Name or ARN of the secret that the functions read; the usual name if they cannot be asked."""
        for function in FUNCTIONS:
            try:
                return self.function_settings(function).get("SECRET_ID") or self.names.secret
            except JobError:
                continue
        return self.names.secret


def find_target(*, aws: bool, project: str = "joytify", environment: str = "prod") -> Target:
    """Return the account's pipeline, or that of the local stack that is up.

    Raises:
        UsageError: no local stack is up, or the packages of the local world are not installed.
    """
    names = Names(project, environment)
    if aws:
        return Target(names)
    with missing_extras():
        from joytify_local.processes import StartError  # noqa: PLC0415 - operators install without it
        from joytify_local.stack import load_stack  # noqa: PLC0415 - the same
    try:
        stack = load_stack()
    except StartError as exc:
        raise UsageError(str(exc)) from None
    if stack is None:
        raise UsageError(
            "no local stack is running that was started in this folder: start one with `KEEP=1 make demo` or "
            "`make up`, or say --aws"
        )
    return Target(names, stack)
