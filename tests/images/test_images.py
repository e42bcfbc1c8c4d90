"""Each built image: a good event, a bad event, a missing setting; what is in it; and the compose stack as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from containers import Function
from factories import sns_event
from own_messages import cleanup_summary

from joytify_cli.docker import DOCKER, docker
from joytify_local.aws import WEBHOOK_PATH, aws_client
from joytify_local.stack import Stack

SHORT = ("stats", "cleanup", "discord")
ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {
    "stats": {"triggeredBy": "test"},
    "cleanup": {"triggeredBy": "test"},
    "discord": sns_event(cleanup_summary().model_dump_json()),
}
Start = Callable[[str, Mapping[str, str]], Function]


@pytest.mark.parametrize("short", SHORT)
def test_a_good_event_is_answered(start: Start, environment: dict[str, str], stack: Stack, short: str) -> None:
    httpx.delete(stack.discord + "/messages")

    answer = start(short, environment).invoke(GOOD[short])

    assert "errorMessage" not in answer
    if short == "discord":
        assert answer == {"records": 1, "messages": 1}
        # Messages of other tests may still come in.
        titles = [embed["title"] for m in httpx.get(stack.discord + "/messages").json() for embed in m["embeds"]]
        assert titles.count("✅ Cleanup: 66,814 records deleted") == 1
    else:
        assert answer["testMode"] is False
        assert answer["requestId"]


@pytest.mark.parametrize(
    ("short", "event", "says"),
    [
        ("stats", {"period": "2026-13"}, 'event: period: it must be a month as "YYYY-MM", 1970-01 or later'),
        ("cleanup", {"testMode": "yes"}, "event: testMode: Input should be a valid boolean (allowed: true or false)"),
    ],
)
def test_a_bad_event_is_an_error_that_names_the_key(
    start: Start, environment: dict[str, str], short: str, event: object, says: str
) -> None:
    answer = start(short, environment).invoke(event)

    assert answer["errorType"] == "ConfigError"
    assert answer["errorMessage"] == says


def test_what_discord_adds_to_the_base_is_small() -> None:
    """A cold start downloads the layers, and an alarm may be the first event in weeks."""
    base = docker("image", "inspect", "--format", '{{index .Config.Labels "joytify.base"}}', "joytify/discord")
    sizes = [int(docker("image", "inspect", "--format", "{{.Size}}", image)) for image in ("joytify/discord", base)]

    assert sizes[0] - sizes[1] <= 20_000_000


@pytest.mark.parametrize("short", SHORT)
def test_a_secret_that_is_not_there_is_named(start: Start, environment: dict[str, str], short: str) -> None:
    answer = start(short, {**environment, "SECRET_ID": "NO_SUCH_SECRET"}).invoke(GOOD[short])

    assert answer["errorType"] == "ConfigError"
    assert answer["errorMessage"].startswith("secret NO_SUCH_SECRET (SECRET_ID): Secrets Manager answered ")


@pytest.mark.parametrize(
    ("path", "status"), [("/api/webhooks/1/gone-token", 404), (WEBHOOK_PATH + "-wrong", 401)], ids=["404", "401"]
)
def test_a_webhook_that_is_gone_is_an_error_without_its_address(
    start: Start, environment: dict[str, str], stack: Stack, path: str, status: int
) -> None:
    secrets = aws_client("secretsmanager", stack.aws)
    values = json.dumps({"DISCORD_WEBHOOK_URL": stack.discord + path})
    secrets.create_secret(Name=f"WEBHOOK_{status}", SecretString=values)
    function = start("discord", {**environment, "SECRET_ID": f"WEBHOOK_{status}"})

    answer = function.invoke(GOOD["discord"])

    assert answer["errorMessage"].startswith(f"DISCORD_WEBHOOK_URL: Discord answered {status}")
    told = json.dumps(answer) + function.logs()
    assert "posted" in told
    assert path.rpartition("/")[2] not in told


@pytest.mark.parametrize(
    ("short", "changes", "says"),
    [
        ("stats", {"SNS_TOPIC_ARN": None}, "SNS_TOPIC_ARN: Field required (allowed: ARN of an SNS topic)"),
        ("cleanup", {"SNS_TOPIC_ARN": None}, "SNS_TOPIC_ARN: Field required (allowed: ARN of an SNS topic)"),
        (
            "cleanup",
            {"CLEANUP_DAYS": "0"},
            "CLEANUP_DAYS: Input should be greater than or equal to 1 (allowed: 1 to 3650 days)",
        ),
        (
            "discord",
            {"SECRET_ID": ""},
            "SECRET_ID: String should have at least 1 character (allowed: name or ARN of the secret)",
        ),
    ],
    ids=["stats", "cleanup", "cleanup days", "discord"],
)
def test_a_missing_or_wrong_setting_fails_at_the_start(
    start: Start, environment: dict[str, str], short: str, changes: dict[str, str | None], says: str
) -> None:
    settings = {**environment, **changes}
    function = start(short, {name: value for name, value in settings.items() if value is not None})

    answer = function.invoke(GOOD[short])

    assert answer["errorType"] == "ConfigError"
    assert answer["errorMessage"] == f"environment: {says}"


@pytest.mark.parametrize("short", SHORT)
def test_an_image_holds_the_function_and_no_tool(short: str) -> None:
    packages = docker("run", "--rm", "--entrypoint", "ls", f"joytify/{short}", "/var/task").split()
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", f"joytify/{short}"))

    assert {f"joytify_{short}", "joytify_common"} <= set(packages)
    others = {f"joytify_{other}" for other in ("cli", "local", *SHORT) if other != short}
    assert not {"pytest", "ruff", "mypy", "testcontainers", "tests", *others} & set(packages)
    assert ("pymongo" in packages) == (short != "discord")
    assert ("httpx" in packages) == (short != "cleanup")
    assert labels["org.opencontainers.image.version"] == "1.0.0"
    assert labels["org.opencontainers.image.revision"]


CLIENTS = """
import pathlib, re
from joytify_common import aws
# Skip joytify_common: its CloudWatch call runs only in jobs, and the discord image lacks CloudWatch's data.
own = [file.read_text() for folder in pathlib.Path().glob("joytify_*") if folder.name != "joytify_common"
       for file in folder.rglob("*.py")]
called = {name for text in own for name in re.findall(r'aws_client\\("(\\w+)"\\)', text)}
for name in called | {"secretsmanager"}:
    aws.aws_client(name)
    print(name)
"""


@pytest.mark.parametrize(
    ("short", "clients"),
    [
        ("stats", {"lambda", "sns", "stepfunctions"}),
        ("cleanup", {"lambda", "sns", "s3"}),
        ("discord", {"dynamodb"}),
    ],
)
def test_an_image_has_botocores_data_for_every_service_that_its_function_calls(short: str, clients: set[str]) -> None:
    """The image has no other service's data, so a call to another service would fail only in production."""
    options = ["--rm", "--entrypoint", "python3", "-w", "/var/task", "-e", "AWS_DEFAULT_REGION=ap-northeast-1"]

    made = docker("run", *options, f"joytify/{short}", "-c", CLIENTS).split()

    assert set(made) == clients | {"secretsmanager"}


def test_the_month_end_runs_through_the_containers() -> None:
    """`make up`, the command of `make demo-containers` with less data, `make down`."""
    _make("up")
    try:
        demo = subprocess.run(
            [
                Path(sys.executable).with_name("joytify"),
                "demo",
                "--containers",
                "--users",
                "200",
                "--playbacks-per-user",
                "50",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        _make("down")

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.splitlines()[-1].startswith(
        "demo: ok 160 of 200 users notified once (10 of them before), 150 pushed"
    )
    left = subprocess.run(
        [DOCKER, "ps", "-q", "--filter", "network=joytify"], capture_output=True, text=True, check=True
    )
    assert left.stdout == ""


def _make(target: str) -> None:
    done = subprocess.run(["make", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
