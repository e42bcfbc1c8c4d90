"""The operator's commands on the deployed stack.

They find the stack's resources, and the example session of docs/operations.md prints what the page shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from operations_page import first_difference, session
from typer.testing import CliRunner

from joytify_cli.main import app
from joytify_cli.prove.deployment import FOLDER, Deployment
from joytify_cli.target import Names
from joytify_local.aws import FUNCTIONS, aws_client
from joytify_local.stack import Stack

pytestmark = [pytest.mark.xdist_group("deployment"), pytest.mark.timeout(1800)]

RULE, ALARM = "joytify-weekly-cleanup", "joytify-cleanup-failed"
MARK = "=====command"
# The reason in CloudWatch's words; the tests set it in the emulator.
REASON = "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0)."


@pytest.fixture
def clean_deployment(deployment: Deployment) -> Deployment:
    """The deployment, with nothing left over from other tests."""
    sqs = deployment.stack.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.purge_queue(QueueUrl=url)
    cloudwatch = deployment.stack.client("cloudwatch")
    for alarm in cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]:
        cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="a test begins")
    return deployment


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@contextmanager
def raised_alarm(deployment: Deployment) -> Iterator[None]:
    client = deployment.stack.client("cloudwatch")
    client.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason=REASON)
    yield
    client.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="a test")


@contextmanager
def waiting_event(deployment: Deployment) -> Iterator[None]:
    client = deployment.stack.client("sqs")
    url = client.get_queue_url(QueueName="joytify-schedules-missed")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="{}")
    yield
    client.purge_queue(QueueUrl=url)


@contextmanager
def paused_rule(_: Deployment) -> Iterator[None]:
    assert run("schedule", "pause", "weekly-cleanup", "--yes")[0] == 0
    yield
    assert run("schedule", "resume", RULE)[0] == 0


@contextmanager
def other_mode(_: Deployment) -> Iterator[None]:
    assert run("schedule", "set", "test_auto", "--yes")[0] == 0
    yield
    assert run("schedule", "set", "production", "--yes")[0] == 0


@contextmanager
def other_digest(_: Deployment) -> Iterator[None]:
    file = FOLDER / "terraform" / "images.prod.tfvars.json"
    before = file.read_text(encoding="utf-8")
    digests = json.loads(before)
    digests["image_digests"]["cleanup"] = "sha256:" + "0" * 64
    file.write_text(json.dumps(digests), encoding="utf-8")
    yield
    file.write_text(before, encoding="utf-8")


@contextmanager
def spoiled_secret(deployment: Deployment) -> Iterator[None]:
    client = deployment.stack.client("secretsmanager")
    held = client.get_secret_value(SecretId="MERN_JOYTIFY_ENVS")["SecretString"]
    client.put_secret_value(SecretId="MERN_JOYTIFY_ENVS", SecretString="[]")
    yield
    client.put_secret_value(SecretId="MERN_JOYTIFY_ENVS", SecretString=held)


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (raised_alarm, "alarms", f"{ALARM}: Threshold Crossed"),
        (waiting_event, "queues", "1 failed event in joytify-schedules-missed"),
        (paused_rule, "schedules", f"{RULE} is paused"),
        (other_mode, "schedules", "is skipped while SCHEDULE_MODE is test_auto"),
        (other_digest, "images", "cleanup runs sha256:"),
        (spoiled_secret, "secret", "must be a JSON object"),
    ],
    ids=["alarm", "queue", "rule", "mode", "digest", "secret"],
)
def test_doctor_reports_exactly_the_check_that_is_broken(
    clean_deployment: Deployment, broken: Callable[[Deployment], AbstractContextManager[None]], check: str, says: str
) -> None:
    with broken(clean_deployment):
        findings: list[dict[str, Any]] = json.loads(run("doctor", "--json")[1])

    wrong = [finding for finding in findings if finding["status"] == "wrong"]
    assert {finding["check"] for finding in wrong} == {check}, wrong
    assert says in wrong[0]["says"]


def test_doctor_knows_what_terraform_makes(clean_deployment: Deployment) -> None:
    """Doctor can then name a resource that is missing."""
    names, client = Names(), clean_deployment.stack.client
    alarms = {alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]}
    rules = {rule["Name"] for rule in client("events").list_rules()["Rules"]}

    assert names.alarms | names.fan_out_alarms == alarms
    assert names.queues == {url.rpartition("/")[2] for url in client("sqs").list_queues()["QueueUrls"]}
    assert names.rules == rules - {"joytify-test-stats"}


def test_with_few_rights_doctor_reports_what_the_identity_may_check(
    clean_deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator enforces IAM: cleanup's own role may read the secret, and neither functions nor alarms."""
    role = f"arn:aws:iam::000000000000:role/{FUNCTIONS['cleanup']}"
    credentials = clean_deployment.stack.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]

    def client(stack: Stack, service: str) -> Any:
        return aws_client(service, stack.aws, certificate=stack.certificate, credentials=credentials)

    monkeypatch.setattr(Stack, "client", client)
    code, output = run("doctor", "--json")
    findings = {(each["check"], each["status"]): each["says"] for each in json.loads(output)}

    assert code == 1
    assert ("secret", "ok") in findings
    assert ("backend", "ok") in findings
    assert ("discord", "ok") in findings
    for check in ("function stats", "alarms", "queues", "schedules"):
        assert "AccessDenied" in findings[check, "wrong"]
    assert findings["mongodb", "unknown"] == "not checked: function cleanup could not be read"


def test_the_schedules_are_shown_in_the_operators_zone(clean_deployment: Deployment) -> None:
    del clean_deployment
    code, shown = run("schedule", "show", "--runs", "2")

    assert code == 0
    # 04:00 UTC on a Monday is 12:00 in Asia/Taipei.
    assert shown.count("12:00 CST") == 2
    assert "skipped" in shown
    assert run("schedule", "pause", "nightly", "--yes")[0] == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("tail discord --since 1h", "posted"),
        ("invoke stats --dry-run", "usersUpdated"),
        ("invoke cleanup --sweep --dry-run --json", '"scope": "sweep"'),
        ("capacity --measure", "now: "),
        ("data verify --production", "every rule holds"),
        ("data stats", "test-playbacks"),
        ("data indexes list --production", "expiresAt_1"),
        ("schedule set production", "already"),
        ("archive list --bucket joytify-archive-000000000000", "playbacks"),
    ],
)
def test_more_commands_work_on_the_deployment(clean_deployment: Deployment, words: str, says: str) -> None:
    del clean_deployment
    code, shown = run(*words.split())

    assert (code, says in shown) == (0, True), shown


@pytest.fixture
def session_outputs(clean_deployment: Deployment) -> Iterator[dict[str, str]]:
    """Output of each command of the page, after cleanup has been called with an invalid event."""
    functions, sqs = clean_deployment.stack.client("lambda"), clean_deployment.stack.client("sqs")
    url = sqs.get_queue_url(QueueName="joytify-cleanup-failed")["QueueUrl"]
    functions.invoke(FunctionName=FUNCTIONS["cleanup"], InvocationType="Event", Payload=b'{"dryRun": "yes"}')
    limit = time.monotonic() + 60
    while _waiting(sqs, url) == 0:
        assert time.monotonic() < limit, "the event is not in the queue"
        time.sleep(0.5)
    with raised_alarm(clean_deployment):
        yield _run_session(clean_deployment)


def _waiting(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages"]
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])


def _run_session(deployment: Deployment) -> dict[str, str]:
    """Run the page's commands in one shell, as a person would, and return what each printed."""
    commands = [command for command, _ in session("Example: a failed cleanup")]
    calm = f"aws cloudwatch set-alarm-state --alarm-name {ALARM} --state-value OK --state-reason calm"
    # CloudWatch re-evaluates the alarm by itself; in the emulator, the script sets its new state.
    lines = [*(f"{each}; echo {MARK}" for each in commands[:-1]), calm, f"{commands[-1]}; echo {MARK}"]
    script = "\n".join([f". {FOLDER}/env.sh", *lines])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": path, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    outputs = done.stdout.split(f"{MARK}\n")
    assert len(outputs) == len(commands) + 1, done.stdout + done.stderr
    assert deployment.stack.way == "deployed"
    return dict(zip(commands, outputs, strict=False))


def test_the_example_session_prints_what_the_page_shows(session_outputs: dict[str, str]) -> None:
    for command, shown in session("Example: a failed cleanup"):
        assert first_difference(shown, session_outputs[command]) is None, session_outputs[command]
