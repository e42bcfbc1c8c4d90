"""What is looked at after a deployment to a local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

import httpx
from rich.console import Console

from joytify_cli.demo import DemoError
from joytify_local.aws import FUNCTIONS, TIMEOUT_SECONDS
from joytify_local.docker import docker
from joytify_local.terraform import Change, changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from joytify_local.deployment import Deployment
    from joytify_local.stack import Stack

console = Console()

WAIT_SECONDS = 180
POLL_SECONDS = 0.5
ALARM = "joytify-storage"
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


def check_archive(deployment: Deployment) -> None:
    """Check that what cleanup deleted went to the archive first."""
    bucket = deployment.root.output("archive_bucket")
    if not deployment.stack.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]:
        raise DemoError(f"the archive {bucket} holds nothing of what was deleted")


def check_functions(deployment: Deployment, *, memory: int) -> None:
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


def hear_alarm(deployment: Deployment) -> None:
    """Set an alarm to ALARM and to OK, and wait until Discord shows each."""
    for state in ("ALARM", "OK"):
        words = ("--alarm-name", ALARM, "--state-value", state, "--state-reason", "deploy-local tries it")
        aws(deployment, "cloudwatch", "set-alarm-state", *words)
        _wait_until(partial(_shows, deployment.stack, state), f"Discord to show {ALARM} {state}")
    tell(f"alarm {ALARM}: heard in Discord as ALARM and as OK")


def _shows(stack: Stack, state: str) -> bool:
    posts = [post for post in httpx.get(stack.discord + "/messages").json() if ALARM in json.dumps(post["embeds"])]
    return any((post["edited_timestamp"] is not None) == (state == "OK") for post in posts)


def check_second_plan(deployment: Deployment, options: tuple[str, ...]) -> int:
    """Return how many resources a second plan would change for want of what the emulator does not tell."""
    found = changes(deployment.root.plan(*options))
    if surprising := [change for change in found if not _is_gap(change)]:
        raise DemoError(f"a second plan would change {surprising}")
    tell(f"second plan: {len(found)} metric alarms, which are gaps of the emulator, and nothing else")
    return len(found)


def _is_gap(change: Change) -> bool:
    return change.actions == ("update",) and change.attributes <= GAPS.get(change.kind, frozenset())


def wait_for_schedule(stack: Stack) -> None:
    """Wait until the rule that fires every minute has run stats by itself, which skips what is not for its mode."""
    group = f"/aws/lambda/{FUNCTIONS['stats']}"

    def fired() -> bool:
        events = stack.client("logs").filter_log_events(logGroupName=group, filterPattern="test_auto")["events"]
        return any("the schedule is for test_auto" in event["message"] for event in events)

    _wait_until(fired, "the rule rate(1 minute) to fire")
    tell("rule rate(1 minute): fired by itself; the run was skipped, since SCHEDULE_MODE is production")


def _wait_until(happened: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while not happened():
        if time.monotonic() > limit:
            raise DemoError(f"waited {WAIT_SECONDS} s for {what}")
        time.sleep(POLL_SECONDS)


def aws(deployment: Deployment, *words: str) -> str:
    """Run the AWS command on the deployment and return what it prints."""
    # Versions before 2.13 do not read the endpoint from the environment.
    command = ["aws", "--endpoint-url", deployment.stack.aws, *words]
    environment = {**os.environ, **deployment.environment}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603


def tell(text: str) -> None:
    """Print one line of what was seen."""
    console.print(f"  {text}", highlight=False, soft_wrap=True, markup=False)
