"""`joytify deploy-local`: the committed Terraform, applied to a local AWS, runs the month end from pushed digests."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from pymongo.errors import PyMongoError
from rich.console import Console

from joytify_cli.demo import DemoError, month_end
from joytify_cli.push import PushError, push_images
from joytify_local.aws import FUNCTIONS, TIMEOUT_SECONDS
from joytify_local.aws import Deployment as Secrets
from joytify_local.deployment import DATABASE, FOLDER, Deployment
from joytify_local.docker import DockerError, bridge_address, docker
from joytify_local.processes import StartError
from joytify_local.stack import load_stack, start_for_deployment
from joytify_local.terraform import Change, TerraformError, changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from joytify_local.stack import Stack

console = Console()

Document = dict[str, Any]

USERS, PLAYBACKS_PER_USER = 1000, 200
WAIT_SECONDS = 180
POLL_SECONDS = 0.5
# What MiniStack does not tell in the protocol that the provider speaks, so that every plan wants to set it.
GAPS = {
    "aws_cloudwatch_metric_alarm": frozenset(
        {
            "actions_enabled",
            "alarm_actions",
            "alarm_description",
            "dimensions",
            "ok_actions",
            "period",
            "statistic",
            "treat_missing_data",
        }
    )
}
UPGRADE = (
    "-var=lambda_memory_size=2048",
    "-var=enable_test_schedule=true",
    "-var=test_schedule_expression=rate(1 minute)",
)
ALARM = "joytify-storage"
FAILURES = (
    DemoError,
    PushError,
    DockerError,
    StartError,
    TerraformError,
    PyMongoError,
    httpx.HTTPError,
    BotoCoreError,
    ClientError,
    subprocess.CalledProcessError,
    OSError,
)


@dataclass(frozen=True)
class Outcome:
    """What one deployment came to."""

    resources: int
    seconds: int
    month_end: str
    gaps: int


def deploy_local() -> None:
    """Deploy to a local AWS as to an account, without and with enforced IAM; the last one is left up."""
    try:
        if (left := load_stack()) is not None:
            left.stop()
        first = _deploy(enforce_iam=False)
        _destroy()
        second = _deploy(enforce_iam=True)
    except FAILURES as exc:
        _fail("deploy-local", exc)
    console.print(f"Left up until `make destroy-local`: `source {FOLDER / 'env.sh'}`, then use `aws` and `terraform`.")
    console.print(
        f"deploy-local: ok {first.resources} + {second.resources} resources applied, "
        f"the second with IAM enforced, in {first.seconds} + {second.seconds} s; {second.month_end}; "
        f"second plan: {second.gaps} metric alarms, known gaps of the emulator, and nothing else",
        style="bold green",
        highlight=False,
        soft_wrap=True,
    )


def destroy_local() -> None:
    """Destroy what `deploy-local` left up; exit 1 where anything is left."""
    try:
        if (stack := load_stack()) is None or stack.way != "deployed":
            console.print("destroy-local: nothing is up")
            return
        destroyed = _destroy()
    except FAILURES as exc:
        _fail("destroy-local", exc)
    console.print(f"destroy-local: ok {destroyed} resources destroyed, nothing left", style="bold green")


def _fail(what: str, exc: BaseException) -> None:
    why = str(exc) or type(exc).__name__
    if isinstance(exc, subprocess.CalledProcessError):
        why = f"{why} {exc.stderr or ''}".strip()
    console.print(f"{what}: FAILED {why}", style="bold red", markup=False, soft_wrap=True)
    raise typer.Exit(1) from None


def _deploy(*, enforce_iam: bool) -> Outcome:
    began = time.monotonic()
    console.print(f"AWS with IAM {'enforced' if enforce_iam else 'not enforced'}", style="bold")
    stack = start_for_deployment(DATABASE, host=bridge_address(), enforce_iam=enforce_iam)
    stack.save()
    deployment = Deployment(stack)
    deployment.prepare()
    resources = _apply(deployment)
    outcome = month_end(stack, USERS, PLAYBACKS_PER_USER, _invoke_as_an_operator(deployment))
    _tell(f"month end: {outcome}")
    _check_archive(deployment)
    _check_functions(deployment, memory=1024)
    _hear_alarm(deployment)
    deployment.root.apply(*UPGRADE)
    _check_functions(deployment, memory=2048)
    gaps = _check_second_plan(deployment)
    _wait_for_schedule(stack)
    return Outcome(resources, round(time.monotonic() - began), outcome, gaps)


def _apply(deployment: Deployment) -> int:
    began = time.monotonic()
    deployment.bootstrap.init()
    bootstrap = deployment.bootstrap.apply()
    _tell(f"bootstrap: {bootstrap} resources in {time.monotonic() - began:.0f} s")
    _push(deployment)
    began = time.monotonic()
    deployment.init_root()
    root = deployment.root.apply()
    _tell(f"pipeline: {root} resources in {time.monotonic() - began:.0f} s")
    stack = deployment.stack
    values = Secrets(
        endpoint=stack.aws, mongodb=stack.mongodb, backend=stack.backend, discord=stack.discord, database=DATABASE
    ).secret()
    secret = deployment.root.output("secret_name")
    stack.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(values))
    return bootstrap + root


def _push(deployment: Deployment) -> None:
    registry = deployment.stack.registry
    variables = {
        "image_digests": push_images(registry, "joytify", allow_uncommitted=True),
        "image_registry": registry,
    }
    file = FOLDER / "terraform" / "images.auto.tfvars.json"
    file.write_text(json.dumps(variables, indent=2), encoding="utf-8")
    _tell(f"pushed to {registry}")


def _invoke_as_an_operator(deployment: Deployment) -> Callable[[Stack], Document]:
    def invoke(_stack: Stack) -> Document:
        answer = FOLDER / "response.json"
        told = _aws(
            deployment, "lambda", "invoke", "--function-name", FUNCTIONS["stats"], "--payload", "{}", str(answer)
        )
        payload: Document = json.loads(answer.read_text(encoding="utf-8"))
        if "FunctionError" in told:
            raise DemoError(f"stats failed: {payload.get('errorMessage')}")
        return payload

    return invoke


def _aws(deployment: Deployment, *words: str) -> str:
    # Versions before 2.13 do not read the endpoint from the environment.
    command = ["aws", "--endpoint-url", deployment.stack.aws, *words]
    environment = {**os.environ, **deployment.environment}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603


def _check_archive(deployment: Deployment) -> None:
    bucket = deployment.root.output("archive_bucket")
    if not deployment.stack.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]:
        raise DemoError(f"the archive {bucket} holds nothing of what was deleted")


def _check_functions(deployment: Deployment, *, memory: int) -> None:
    """Check that AWS has each function as Terraform was asked to make it, and that its container was started so."""
    images = deployment.root.output("images")
    for short, name in FUNCTIONS.items():
        found = deployment.stack.client("lambda").get_function(FunctionName=name)
        configuration = found["Configuration"]
        has = (found["Code"]["ImageUri"], configuration["MemorySize"], configuration["Timeout"])
        if has != (wanted := (images[short], memory, TIMEOUT_SECONDS[short])):
            raise DemoError(f"{name} has image, memory and timeout {has}, expected {wanted}")
        for container in docker("ps", "-q", "--filter", f"ancestor={images[short]}").split():
            variables = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", container))
            missing = {f"{k}={v}" for k, v in configuration["Environment"]["Variables"].items()} - set(variables)
            if missing:
                raise DemoError(f"{name} runs without {', '.join(sorted(missing))}")


def _hear_alarm(deployment: Deployment) -> None:
    """Set an alarm to ALARM and to OK, and wait until Discord shows each."""
    for state in ("ALARM", "OK"):
        words = ("--alarm-name", ALARM, "--state-value", state, "--state-reason", "deploy-local tries it")
        _aws(deployment, "cloudwatch", "set-alarm-state", *words)
        _wait_until(partial(_shows, deployment.stack, state), f"Discord to show {ALARM} {state}")
    _tell(f"alarm {ALARM}: heard in Discord as ALARM and as OK")


def _shows(stack: Stack, state: str) -> bool:
    posts = [post for post in httpx.get(stack.discord + "/messages").json() if ALARM in json.dumps(post["embeds"])]
    return any((post["edited_timestamp"] is not None) == (state == "OK") for post in posts)


def _check_second_plan(deployment: Deployment) -> int:
    """Return how many resources a second plan would change for want of what the emulator does not tell."""
    found = changes(deployment.root.plan(*UPGRADE))
    if surprising := [change for change in found if not _is_gap(change)]:
        raise DemoError(f"a second plan would change {surprising}")
    _tell(f"second plan: {len(found)} metric alarms, which are gaps of the emulator, and nothing else")
    return len(found)


def _is_gap(change: Change) -> bool:
    return change.actions == ("update",) and change.attributes <= GAPS.get(change.kind, frozenset())


def _wait_for_schedule(stack: Stack) -> None:
    """Wait until the rule that fires every minute has run stats by itself, which skips what is not for its mode."""
    group = f"/aws/lambda/{FUNCTIONS['stats']}"

    def fired() -> bool:
        events = stack.client("logs").filter_log_events(logGroupName=group, filterPattern="test_auto")["events"]
        return any("the schedule is for test_auto" in event["message"] for event in events)

    _wait_until(fired, "the rule rate(1 minute) to fire")
    _tell("rule rate(1 minute): fired by itself; the run was skipped, since SCHEDULE_MODE is production")


def _wait_until(happened: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while not happened():
        if time.monotonic() > limit:
            raise DemoError(f"waited {WAIT_SECONDS} s for {what}")
        time.sleep(POLL_SECONDS)


def _destroy() -> int:
    stack = load_stack()
    if stack is None:
        raise DemoError("no stack is up")
    deployment = Deployment(stack)
    try:
        deployment.empty_archive()
        destroyed = deployment.root.destroy()
        if left := deployment.left_over():
            raise DemoError(f"destroyed, and yet there are {left}")
    finally:
        stack.stop()
        deployment.remove_images()
    _tell(f"destroyed {destroyed} resources; the account's bootstrap went with the local AWS")
    return destroyed


def _tell(text: str) -> None:
    console.print(f"  {text}", highlight=False, soft_wrap=True, markup=False)
