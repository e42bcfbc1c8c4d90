"""Checks and trials after a deployment to a local AWS."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Collection
from functools import partial

import httpx

from joytify_cli.docker import docker
from joytify_cli.prove.demo import DemoError
from joytify_cli.prove.deployment import FOLDER, Deployment
from joytify_cli.prove.terraform import Change, changes
from joytify_cli.terminal import console
from joytify_local.aws import FUNCTIONS, TIMEOUT_SECONDS
from joytify_local.stack import Stack

WAIT_SECONDS = 180
POLL_SECONDS = 0.5
ALARM = "joytify-storage"
UPGRADE = {
    "lambda_memory_size": 2048,
    "enable_fan_out": True,
    "fan_out_workers": 4,
    "enable_test_schedule": True,
    "test_schedule_expression": "rate(1 minute)",
}
# Attributes that MiniStack omits from its responses to the provider, so that every plan sets them.
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
    """Check that the archive bucket is not empty after cleanup has deleted documents."""
    bucket = deployment.root.output("archive_bucket")
    if not deployment.stack.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"]:
        raise DemoError(f"the archive {bucket} is empty, although cleanup has deleted documents")


def check_functions(deployment: Deployment, *, memory: int, ran: Collection[str] = tuple(FUNCTIONS)) -> None:
    """Check each function's image, memory and timeout in AWS, and that it ran with its settings.

    Args:
        deployment: deployment to check.
        memory: MB that each function must have.
        ran: functions that have run since their last change.

    Raises:
        DemoError: a function differs.
    """
    images = deployment.root.output("images")
    for short, name in FUNCTIONS.items():
        found = deployment.stack.client("lambda").get_function(FunctionName=name)
        configuration = found["Configuration"]
        actual = (found["Code"]["ImageUri"], configuration["MemorySize"], configuration["Timeout"])
        if actual != (wanted := (images[short], memory, TIMEOUT_SECONDS[short])):
            raise DemoError(f"{name} has image, memory and timeout {actual}, expected {wanted}")
        variables = {
            **configuration["Environment"]["Variables"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": TIMEOUT_SECONDS[short],
        }
        wanted_lines = {f"{key}={value}" for key, value in variables.items()}
        containers = _environments(images[short])
        if short in ran and not any(wanted_lines <= lines for lines in containers):
            raise DemoError(f"none of {len(containers)} containers of {name} was started with {sorted(wanted_lines)}")


def _environments(image: str) -> list[set[str]]:
    containers = docker("ps", "-q", "--filter", f"ancestor={image}").split()
    return [set(json.loads(docker("inspect", "--format", "{{json .Config.Env}}", each))) for each in containers]


def check_alarm_is_posted(deployment: Deployment) -> None:
    """Set an alarm to ALARM and to OK, and wait until Discord shows each."""
    for state in ("ALARM", "OK"):
        words = ("--alarm-name", ALARM, "--state-value", state, "--state-reason", "deploy-local tries it")
        aws(deployment, "cloudwatch", "set-alarm-state", *words)
        _wait_until(partial(_shows, deployment.stack, state), f"Discord to show {ALARM} {state}")
    report(f"alarm {ALARM}: shown in Discord as ALARM and as OK")


def _shows(stack: Stack, state: str) -> bool:
    posts = [post for post in httpx.get(stack.discord + "/messages").json() if ALARM in json.dumps(post["embeds"])]
    return any((post["edited_timestamp"] is not None) == (state == "OK") for post in posts)


def check_second_plan(deployment: Deployment) -> int:
    """Check that a second plan changes only attributes that the emulator omits; return the number of changes."""
    found = changes(deployment.root.plan())
    if surprising := [change for change in found if not _is_gap(change)]:
        raise DemoError(f"a second plan would change {surprising}")
    why = "the emulator does not return all their attributes"
    report(f"second plan: only {len(found)} metric alarms would change, because {why}")
    return len(found)


def _is_gap(change: Change) -> bool:
    return change.actions == ("update",) and change.attributes <= GAPS.get(change.kind, frozenset())


def upgrade(deployment: Deployment) -> None:
    """Change variables of the deployment, as an operator would, and check the functions."""
    (FOLDER / "terraform" / "upgrade.auto.tfvars.json").write_text(json.dumps(UPGRADE), encoding="utf-8")
    deployment.root.apply()
    jobs = ("stats", "cleanup")
    for job in jobs:
        deployment.stack.client("lambda").invoke(FunctionName=FUNCTIONS[job], Payload=b'{"heartbeat": true}')
    check_functions(deployment, memory=2048, ran=jobs)
    report("upgraded to 2,048 MB and a test schedule of rate(1 minute)")


def try_second_environment(deployment: Deployment) -> None:
    """Apply and destroy dev beside prod in the same account, with a state of its own."""
    deployment.workspace.init_root("dev")
    dev = deployment.workspace.root("dev")
    chosen = ("environment=dev", "enable_archive=false", "enable_test_schedule=false", "lambda_memory_size=2048")
    options = tuple(f"-var={each}" for each in chosen)
    made = dev.apply(*options)
    functions = dev.output("functions").values()
    for name in functions:
        found = deployment.stack.client("lambda").get_function(FunctionName=name)["Configuration"]
        if found["MemorySize"] != 2048:  # noqa: PLR2004 - as asked for above
            raise DemoError(f"{name} has {found['MemorySize']} MB, expected 2048")
    dev.destroy(*options)
    report(f"dev beside prod: {made} resources applied and destroyed, among them {', '.join(functions)}")


def wait_for_schedule(stack: Stack) -> None:
    """Wait until the one-minute rule has called stats, which skips the run: the rule is for another SCHEDULE_MODE."""
    group = f"/aws/lambda/{FUNCTIONS['stats']}"

    def fired() -> bool:
        events = stack.client("logs").filter_log_events(logGroupName=group, filterPattern="test_auto")["events"]
        return any("the schedule is for test_auto" in event["message"] for event in events)

    _wait_until(fired, "the test rule, rate(1 minute), to fire")
    report("test rule, rate(1 minute): fired by itself; the run was skipped, since SCHEDULE_MODE is production")


def _wait_until(happened: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while not happened():
        if time.monotonic() > limit:
            raise DemoError(f"waited {WAIT_SECONDS} s for {what}")
        time.sleep(POLL_SECONDS)


def aws(deployment: Deployment, *words: str) -> str:
    """Run an AWS CLI command on the deployment and return its output."""
    # AWS CLI 2 before version 2.13 does not read the endpoint from the environment.
    command = ["aws", "--endpoint-url", deployment.stack.aws, *words]
    environment = deployment.workspace.environment
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout  # noqa: S603


def empty_bucket(deployment: Deployment, bucket: str) -> None:
    """Delete everything in a bucket, with the command of docs/deploy.md."""
    command = ["bin/empty-bucket", bucket]
    subprocess.run(command, env=deployment.workspace.environment, check=True, capture_output=True, text=True)  # noqa: S603


def report(text: str) -> None:
    """Print one line about a completed step."""
    console.print(f"  {text}", soft_wrap=True)
