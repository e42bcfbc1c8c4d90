"""What Terraform made in a local AWS with IAM enforced: `make deploy-local` has run the month end on it before."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deployed import (
    ACCOUNT,
    ALARMS,
    ALLOWED,
    CALLS,
    CONTENT,
    NOT_RETURNED,
    OBJECT,
    OTHER_SECRET,
    REFUSALS,
    SECRET,
    STATE,
)

from joytify_cli.prove.deploy_checks import aws
from joytify_cli.prove.deployment import FOLDER, Deployment
from joytify_cli.prove.terraform import Terraform, changes
from joytify_local.aws import API_KEY, FUNCTIONS, WEBHOOK_TOKEN, aws_client

# Deploying, which the first test waits for, takes minutes.
pytestmark = [pytest.mark.xdist_group("deployment"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def credentials(deployment: Deployment) -> Iterator[dict[str, dict[str, str]]]:
    """Credentials of each function's role; also creates the secret and the object that the calls in CALLS need."""
    deployment.stack.client("secretsmanager").create_secret(Name=OTHER_SECRET, SecretString="{}")
    deployment.stack.client("s3").put_object(**OBJECT, Body=b"x")
    sts = deployment.stack.client("sts")
    roles = {short: f"arn:aws:iam::{ACCOUNT}:role/{name}" for short, name in FUNCTIONS.items()}
    yield {short: sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"] for short, role in roles.items()}
    deployment.stack.client("secretsmanager").delete_secret(SecretId=OTHER_SECRET, ForceDeleteWithoutRecovery=True)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_role_may_do_its_own_work_and_nothing_else(
    deployment: Deployment, credentials: dict[str, dict[str, str]], function: str, call: str
) -> None:
    service, method, request = CALLS[call]
    stack = deployment.stack
    client = aws_client(service, stack.aws, certificate=stack.certificate, credentials=credentials[function])

    try:
        getattr(client, method)(**request)
        refused = ""
    except ClientError as exc:
        refused = exc.response["Error"]["Code"]

    assert refused in (REFUSALS if call not in ALLOWED[function] else {""})


def test_a_second_plan_changes_only_attributes_that_the_emulator_omits(deployment: Deployment) -> None:
    found = changes(deployment.root.plan())

    assert {change.address for change in found} == ALARMS
    assert {change.attributes for change in found} == {frozenset(NOT_RETURNED)}
    assert changes(deployment.workspace.bootstrap.plan()) == []


def test_no_secret_value_appears_in_state_plan_or_environment(deployment: Deployment) -> None:
    held = deployment.stack.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
    canaries = (API_KEY, WEBHOOK_TOKEN, deployment.stack.mongodb)
    functions = [deployment.stack.client("lambda").get_function(FunctionName=name) for name in FUNCTIONS.values()]
    places = {
        "state": deployment.root.state(),
        "bootstrap's state": deployment.workspace.bootstrap.state(),
        "plan": json.dumps(deployment.root.plan()),
        "environment": json.dumps(functions, default=str),
    }

    assert all(canary in held for canary in canaries)
    assert [(place, canary) for place, text in places.items() for canary in canaries if canary in text] == []
    assert all(FUNCTIONS["cleanup"] in text for place, text in places.items() if place != "bootstrap's state")


def test_the_state_is_encrypted_with_kms(deployment: Deployment) -> None:
    for key in ("prod.tfstate", "bootstrap.tfstate"):
        held = deployment.stack.client("s3").head_object(Bucket=STATE, Key=key)

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
def test_a_heartbeat_returns_the_days_since_the_last_success(deployment: Deployment, job: str) -> None:
    name, functions = FUNCTIONS[job], deployment.stack.client("lambda")
    # In AWS, CloudWatch derives this metric from the log line of a success; here the test writes it.
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
        # All pytest-xdist processes must collect the same test names, so no command contains the current time.
        (
            (
                "logs filter-log-events --log-group-name /aws/lambda/joytify-playback-data-cleanup "
                "--start-time 0 --query events[].message"
            ),
            "run ended",
        ),
        ("cloudwatch describe-alarms --alarm-name-prefix joytify-storage", "joytify-storage"),
        ("sqs list-queues --queue-name-prefix joytify", "joytify-discord-undelivered"),
        ("dynamodb scan --table-name joytify-discord-memory", "Items"),
    ],
)
def test_the_operators_commands_work_as_written(deployment: Deployment, command: str, shows: str) -> None:
    told = aws(deployment, *command.split(), "--output", "json")

    assert shows in told


@pytest.mark.usefixtures("deployment")
def test_sourcing_env_sh_points_a_shell_at_the_deployment() -> None:
    script = f". {FOLDER}/env.sh && aws sqs list-queues && terraform -chdir={FOLDER}/terraform output -raw secret_name"
    misleading = {**os.environ, "AWS_PROFILE": "somebody", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:9"}

    done = subprocess.run(["bash", "-c", script], env=misleading, capture_output=True, text=True, check=True)

    assert "joytify-discord-undelivered" in done.stdout
    assert done.stdout.endswith(SECRET)


@pytest.mark.parametrize(
    ("subject", "roles"),
    [
        ("repo:octocat/my-repo:ref:refs/heads/main", {"push", "plan"}),
        ("repo:octocat@123456/my-repo@456789:ref:refs/heads/main", {"push", "plan"}),
        ("repo:octocat@123456/my-repo@456789:pull_request", {"plan"}),
        ("repo:octocat/my-repo:ref:refs/heads/other", set()),
        ("repo:octocat@1/my-repo@2:ref:refs/heads/main", set()),
        ("repo:octocat/my-repo-too:pull_request", set()),
    ],
    ids=["name", "name and ids", "pull request", "another branch", "other ids", "another repository"],
)
def test_a_workflow_may_assume_only_the_role_for_its_branch_or_pull_request(
    deployment: Deployment, subject: str, roles: set[str]
) -> None:
    """The emulator evaluates trust policies; the subjects are of the forms in GitHub's documentation."""
    admitted = {role for role in ("push", "plan") if _assume(deployment, role, subject) is not None}

    assert admitted == roles


def test_the_role_that_plans_can_plan_and_read_no_content(deployment: Deployment) -> None:
    """With IAM enforced, the role can run terraform plan, and is denied the calls in CONTENT."""
    answer = _assume(deployment, "plan", "repo:octocat/my-repo:pull_request")
    assert answer is not None
    credentials = {
        "AWS_ACCESS_KEY_ID": answer["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["SecretAccessKey"],
        "AWS_SESSION_TOKEN": answer["SessionToken"],
    }
    root, stack = deployment.root, deployment.stack
    planner = Terraform(root.folder, {**root.environment, **credentials}, root.variables)

    assert {change.address for change in changes(planner.plan("-lock=false"))} == ALARMS
    for service, method, request in CONTENT:
        client = aws_client(service, stack.aws, certificate=stack.certificate, credentials=answer)
        with pytest.raises(ClientError) as refused:
            getattr(client, method)(**request)
        assert refused.value.response["Error"]["Code"] in REFUSALS


def _assume(deployment: Deployment, role: str, subject: str) -> dict[str, str] | None:
    """Return the role's credentials for a token of GitHub's with this subject; None if it is refused."""
    claims = {"iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com", "sub": subject}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "none"}, claims))
    try:
        answer = deployment.stack.client("sts").assume_role_with_web_identity(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/joytify-github-{role}",
            RoleSessionName="test",
            WebIdentityToken=".".join((*parts, "unsigned")),
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in REFUSALS:
            raise
        return None
    credentials: dict[str, str] = answer["Credentials"]
    return credentials
