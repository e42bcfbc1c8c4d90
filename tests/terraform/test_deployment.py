"""What Terraform made in a local AWS with IAM enforced: `make deploy-local` has run the month end on it before."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from joytify_cli.deploy import UPGRADE
from joytify_local.aws import API_KEY, FUNCTIONS, REGION, WEBHOOK_TOKEN, aws_client
from joytify_local.deployment import FOLDER
from joytify_local.terraform import changes

if TYPE_CHECKING:
    from joytify_local.deployment import Deployment

# Deploying, which the first test waits for, takes minutes.
pytestmark = pytest.mark.timeout(1800)

ACCOUNT = "000000000000"
PREFIX = f":{REGION}:{ACCOUNT}:"
LAMBDA, SNS = f"arn:aws:lambda{PREFIX}function:", f"arn:aws:sns{PREFIX}"
SECRET, OTHER_SECRET = "MERN_JOYTIFY_ENVS", "somebody-elses"
ARCHIVE, STATE = f"joytify-archive-{ACCOUNT}", f"joytify-terraform-state-{ACCOUNT}"
OBJECT = {"Bucket": ARCHIVE, "Key": "archive/tried-by-a-test"}
MEMORY, ITEM = "joytify-discord-memory", {"id": {"S": "tried-by-a-test"}}
METRIC = {"Namespace": "Joytify", "MetricName": "Successes"}
QUERY = {"Id": "a", "MetricStat": {"Metric": METRIC, "Period": 3600, "Stat": "Sum"}}
SINCE = {"StartTime": 1_790_000_000, "EndTime": 1_790_003_600}
GROUP = "/aws/lambda/joytify-"

CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "read the secret": ("secretsmanager", "get_secret_value", {"SecretId": SECRET}),
    "read another secret": ("secretsmanager", "get_secret_value", {"SecretId": OTHER_SECRET}),
    "change the secret": ("secretsmanager", "put_secret_value", {"SecretId": SECRET, "SecretString": "{}"}),
    "publish": ("sns", "publish", {"TopicArn": SNS + "joytify-lambda-notifications", "Message": "tried by a test"}),
    "publish to the operators": ("sns", "publish", {"TopicArn": SNS + "joytify-operators", "Message": "tried"}),
    "invoke stats": ("lambda", "invoke", {"FunctionName": LAMBDA + FUNCTIONS["stats"], "InvocationType": "DryRun"}),
    "invoke cleanup": ("lambda", "invoke", {"FunctionName": LAMBDA + FUNCTIONS["cleanup"], "InvocationType": "DryRun"}),
    "invoke discord": ("lambda", "invoke", {"FunctionName": LAMBDA + FUNCTIONS["discord"], "InvocationType": "DryRun"}),
    "change a function": (
        "lambda",
        "update_function_configuration",
        {"FunctionName": FUNCTIONS["stats"], "Timeout": 9},
    ),
    "find the archive": ("s3", "head_bucket", {"Bucket": ARCHIVE}),
    "write to the archive": ("s3", "put_object", {**OBJECT, "Body": b"x"}),
    "read the archive": ("s3", "get_object", OBJECT),
    "delete from the archive": ("s3", "delete_object", OBJECT),
    "read the state": ("s3", "get_object", {"Bucket": STATE, "Key": "prod.tfstate"}),
    "recall": ("dynamodb", "get_item", {"TableName": MEMORY, "Key": ITEM}),
    "remember": ("dynamodb", "put_item", {"TableName": MEMORY, "Item": ITEM}),
    "forget": ("dynamodb", "delete_item", {"TableName": MEMORY, "Key": ITEM}),
    "read every memory": ("dynamodb", "scan", {"TableName": MEMORY}),
    "look for successes": ("cloudwatch", "get_metric_data", {"MetricDataQueries": [QUERY], **SINCE}),
    "make a log group": ("logs", "create_log_group", {"logGroupName": "/aws/lambda/another"}),
    "delete its log": ("logs", "delete_log_group", {"logGroupName": GROUP + "monthly-stats-notification"}),
    "make a role": ("iam", "create_role", {"RoleName": "more", "AssumeRolePolicyDocument": "{}"}),
}
# All that each may do; the rest of the calls above is refused.
ALLOWED = {
    "stats": {"read the secret", "publish", "invoke stats", "invoke cleanup", "look for successes"},
    "cleanup": {
        "read the secret",
        "publish",
        "invoke cleanup",
        "look for successes",
        "find the archive",
        "write to the archive",
        "read the archive",
    },
    "discord": {"read the secret", "recall", "remember"},
}
REFUSALS = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "403"}

# The gaps of the emulator, by name and attribute: it does not tell these of any metric alarm, so every plan sets them.
ALARMS = {
    *(
        f'module.function["{name}"].aws_cloudwatch_metric_alarm.this["{kind}"]'
        for name in ("stats", "cleanup", "discord")
        for kind in ("errors", "throttles", "duration", "dropped")
    ),
    'aws_cloudwatch_metric_alarm.queue["stats-failed"]',
    'aws_cloudwatch_metric_alarm.queue["cleanup-failed"]',
    'aws_cloudwatch_metric_alarm.queue["discord-failed"]',
    'aws_cloudwatch_metric_alarm.queue["discord-undelivered"]',
    'aws_cloudwatch_metric_alarm.queue["schedules-missed"]',
    'aws_cloudwatch_metric_alarm.silence["stats"]',
    'aws_cloudwatch_metric_alarm.silence["cleanup"]',
    "aws_cloudwatch_metric_alarm.storage",
}
UNTOLD = {
    "actions_enabled",
    "alarm_actions",
    "alarm_description",
    "dimensions",
    "ok_actions",
    "period",
    "statistic",
    "treat_missing_data",
}


@pytest.fixture(scope="module")
def credentials(deployment: Deployment) -> dict[str, dict[str, str]]:
    """Credentials of each function's own role; what the table's calls act on is there."""
    deployment.stack.client("secretsmanager").create_secret(Name=OTHER_SECRET, SecretString="{}")
    deployment.stack.client("s3").put_object(**OBJECT, Body=b"x")
    sts = deployment.stack.client("sts")
    roles = {short: f"arn:aws:iam::{ACCOUNT}:role/{name}" for short, name in FUNCTIONS.items()}
    return {
        short: sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"] for short, role in roles.items()
    }


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_role_may_do_its_own_work_and_nothing_else(
    deployment: Deployment, credentials: dict[str, dict[str, str]], function: str, call: str
) -> None:
    service, method, request = CALLS[call]
    client = aws_client(service, deployment.stack.aws, deployment.stack.certificate, credentials[function])

    try:
        getattr(client, method)(**request)
        refused = ""
    except ClientError as exc:
        refused = exc.response["Error"]["Code"]

    assert refused in (REFUSALS if call not in ALLOWED[function] else {""})


def test_a_second_plan_is_empty_but_for_the_emulators_gaps(deployment: Deployment) -> None:
    found = changes(deployment.root.plan(*UPGRADE))

    assert {change.address for change in found} == ALARMS
    assert {change.attributes for change in found} == {frozenset(UNTOLD)}
    assert changes(deployment.bootstrap.plan()) == []


def test_no_secret_value_stands_in_state_plan_or_environment(deployment: Deployment) -> None:
    held = deployment.stack.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
    canaries = (API_KEY, WEBHOOK_TOKEN, deployment.stack.mongodb)
    functions = [deployment.stack.client("lambda").get_function(FunctionName=name) for name in FUNCTIONS.values()]
    places = {
        "state": deployment.root.state(),
        "bootstrap's state": (FOLDER / "terraform" / "bootstrap" / "terraform.tfstate").read_text(encoding="utf-8"),
        "plan": json.dumps(deployment.root.plan(*UPGRADE)),
        "environment": json.dumps(functions, default=str),
    }

    assert all(canary in held for canary in canaries)
    assert [(place, canary) for place, text in places.items() for canary in canaries if canary in text] == []
    assert all(FUNCTIONS["cleanup"] in text for place, text in places.items() if place != "bootstrap's state")


def test_the_state_is_encrypted_by_the_buckets_own_key(deployment: Deployment) -> None:
    held = deployment.stack.client("s3").head_object(Bucket=STATE, Key="prod.tfstate")

    assert held["ServerSideEncryption"] == "aws:kms"


def test_an_event_that_keeps_failing_is_kept(deployment: Deployment) -> None:
    queue = deployment.root.output("queues")["stats-failed"]

    deployment.stack.client("lambda").invoke(
        FunctionName=FUNCTIONS["stats"], InvocationType="Event", Payload=b'{"testMode": "yes"}'
    )

    sqs, limit = deployment.stack.client("sqs"), time.monotonic() + 60
    kept: list[Any] = []
    while not kept and time.monotonic() < limit:
        kept = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", [])
    (message,) = kept
    assert json.loads(message["Body"])["requestPayload"] == {"testMode": "yes"}


@pytest.mark.parametrize("job", ["stats", "cleanup"])
def test_a_heartbeat_tells_the_days_since_the_last_success(deployment: Deployment, job: str) -> None:
    name, functions = FUNCTIONS[job], deployment.stack.client("lambda")
    # CloudWatch makes this of the line that a success writes to the log; the emulator does not.
    success = {"MetricName": "Successes", "Dimensions": [{"Name": "service", "Value": name}], "Value": 1.0}
    moment = datetime.now(UTC) - timedelta(days=3)
    deployment.stack.client("cloudwatch").put_metric_data(
        Namespace="Joytify", MetricData=[{**success, "Timestamp": moment}]
    )

    answer = functions.invoke(FunctionName=name, Payload=b'{"heartbeat": true}')

    assert json.loads(answer["Payload"].read())["daysSinceSuccess"] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        ("events list-rules --name-prefix joytify", "joytify-weekly-cleanup"),
        ("events describe-rule --name joytify-monthly-stats", "cron(0 2 1 * ? *)"),
        ("sns list-topics", "joytify-lambda-notifications"),
        ("lambda get-function --function-name joytify-playback-data-cleanup", "@sha256:"),
        ("logs filter-log-events --log-group-name /aws/lambda/joytify-playback-data-cleanup", "run ended"),
        ("cloudwatch describe-alarms --alarm-name-prefix joytify-storage", "joytify-storage"),
        ("sqs list-queues --queue-name-prefix joytify", "joytify-discord-undelivered"),
        ("dynamodb scan --table-name joytify-discord-memory", "Items"),
    ],
)
def test_the_operators_commands_work_as_written(deployment: Deployment, command: str, shows: str) -> None:
    words = ["aws", "--endpoint-url", deployment.stack.aws, "--output", "json", *command.split()]
    environment = {**os.environ, **deployment.environment}

    told = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout

    assert shows in told
