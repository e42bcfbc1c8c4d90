"""The functions, deployed from the installed packages to the local AWS: the month end, and the effect of bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson import ObjectId
from pymongo import MongoClient

from joytify_cli.terminal import INTERRUPTED
from joytify_local.aws import FUNCTIONS, SECRET_NAME, aws_client
from joytify_local.stack import Stack, start_embedded

DATABASE = "joytify-test"
COMMAND = Path(sys.executable).with_name("joytify")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in {"KEEP", "MONGODB_URI"}}

Document = dict[str, Any]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The whole local stack, started as processes on this computer."""
    started = start_embedded(DATABASE)
    yield started
    started.stop()


@pytest.fixture
def secret(stack: Stack) -> Iterator[Document]:
    """The secret's values; the test's changes are undone afterwards."""
    client = aws_client("secretsmanager", stack.aws)
    before = client.get_secret_value(SecretId=SECRET_NAME)["SecretString"]
    yield dict(json.loads(before))
    client.put_secret_value(SecretId=SECRET_NAME, SecretString=before)


def invoke(stack: Stack, short: str, event: object) -> tuple[bool, Document]:
    answer = aws_client("lambda", stack.aws).invoke(FunctionName=FUNCTIONS[short], Payload=json.dumps(event).encode())
    return "FunctionError" in answer, json.loads(answer["Payload"].read())


def new_container(stack: Stack, short: str) -> None:
    """Have the next call run in a new container, which has cached nothing."""
    client = aws_client("lambda", stack.aws)
    environment = client.get_function_configuration(FunctionName=FUNCTIONS[short])["Environment"]["Variables"]
    environment["LOG_LEVEL"] = "DEBUG" if environment.get("LOG_LEVEL") != "DEBUG" else "INFO"
    client.update_function_configuration(FunctionName=FUNCTIONS[short], Environment={"Variables": environment})


def change_secret(stack: Stack, text: str) -> None:
    aws_client("secretsmanager", stack.aws).put_secret_value(SecretId=SECRET_NAME, SecretString=text)
    for short in FUNCTIONS:
        new_container(stack, short)


def posts(stack: Stack, expected: int, word: str = "") -> list[str]:
    """Wait until at least `expected` titles contain `word`; messages of other tests may still arrive."""
    limit = time.monotonic() + 30
    while True:
        titles = [embed["title"] for m in httpx.get(stack.discord + "/messages").json() for embed in m["embeds"]]
        titles = [title for title in titles if word in title]
        if len(titles) >= expected or time.monotonic() > limit:
            return titles
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("short", "event", "says"),
    [
        ("cleanup", {"testMode": "yes"}, "event: testMode: .*true or false"),
        ("stats", {"period": "2026-13"}, 'event: period: it must be a month as "YYYY-MM"'),
        ("stats", {"period": "2999-01"}, "2999-01 is not over"),
        ("stats", {"period": 202610}, "event: period: "),
        ("stats", {"after": "x"}, "event: after: unknown key"),
    ],
    ids=["testMode", "malformed period", "future period", "period of another type", "after"],
)
def test_a_bad_event_fails_the_call_and_is_posted_to_discord(
    stack: Stack, short: str, event: Document, says: str
) -> None:
    httpx.delete(stack.discord + "/messages")

    failed, answer = invoke(stack, short, event)

    assert failed
    assert re.search(says, answer["errorMessage"])
    (title,) = posts(stack, 1)
    assert title.startswith("❌")


@pytest.mark.parametrize("short", ["stats", "cleanup", "discord"])
def test_a_secret_that_is_no_json_is_named(stack: Stack, secret: Document, short: str) -> None:
    del secret
    change_secret(stack, "no json")

    failed, answer = invoke(stack, short, {"Records": []} if short == "discord" else {})

    assert failed
    assert answer["errorMessage"] == f"secret {SECRET_NAME}: it must be a JSON object"


@pytest.mark.parametrize(
    ("short", "key"),
    [
        ("cleanup", "MONGODB_CONNECTION_STRING"),
        ("stats", "MONGODB_CONNECTION_STRING"),
        ("stats", "API_INTERNAL_SECRET_KEY"),
        ("discord", "DISCORD_WEBHOOK_URL"),
    ],
)
def test_a_key_missing_from_the_secret_is_named(stack: Stack, secret: Document, short: str, key: str) -> None:
    change_secret(stack, json.dumps({k: v for k, v in secret.items() if k != key}))

    failed, answer = invoke(stack, short, {"Records": []} if short == "discord" else {})

    assert failed
    assert answer["errorMessage"].startswith(f"secret {SECRET_NAME}: {key} must be non-empty text")


def test_a_wrong_password_is_reported_without_showing_it(stack: Stack, secret: Document) -> None:
    host = stack.mongodb.removeprefix("mongodb://")
    change_secret(stack, json.dumps({**secret, "MONGODB_CONNECTION_STRING": f"mongodb://joytify:hunter2@{host}"}))

    failed, answer = invoke(stack, "cleanup", {})

    assert failed
    assert answer["errorMessage"] == "MONGODB_CONNECTION_STRING: MongoDB refused the user name or password"


def test_a_mongodb_that_cannot_be_reached_fails_the_run_long_before_lambdas_timeout(
    stack: Stack, secret: Document
) -> None:
    change_secret(stack, json.dumps({**secret, "MONGODB_CONNECTION_STRING": "mongodb://joytify:hunter2@127.0.0.1:1/"}))
    began = time.monotonic()

    failed, answer = invoke(stack, "cleanup", {})

    assert failed
    assert answer["errorMessage"].startswith("MongoDB could not be reached")
    # The driver gives up after 5 s, Lambda after 900 s; the bound only tells the two apart.
    assert time.monotonic() - began < 60


def test_a_schedule_of_the_other_mode_is_skipped(stack: Stack) -> None:
    failed, answer = invoke(stack, "cleanup", {"scheduleMode": "test_auto"})

    assert not failed
    assert answer["skipped"] == "the schedule is for test_auto, but SCHEDULE_MODE is production"


def test_a_run_without_time_left_starts_continuations_until_nothing_is_left(stack: Stack) -> None:
    """The function invokes itself asynchronously; the last message reports the work of all runs."""
    httpx.delete(stack.discord + "/messages")
    client = aws_client("lambda", stack.aws)
    name = FUNCTIONS["cleanup"]
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    hurried = {"CLEANUP_BATCH_SIZE": "10", "CLEANUP_BATCH_DELAY_MS": "200", "CLEANUP_TIMEOUT_SAFETY_MINUTES": "0.03"}
    old = datetime.now(UTC) - timedelta(days=90)
    with MongoClient[Document](stack.mongodb) as mongodb:
        playbacks = mongodb[DATABASE]["test-playbacks"]
        playbacks.insert_many([{"createdAt": old + timedelta(seconds=n)} for n in range(150)])
        client.update_function_configuration(FunctionName=name, Environment={"Variables": {**before, **hurried}})
        try:
            failed, answer = invoke(stack, "cleanup", {"testMode": True})
            # A run also starts a continuation if it has deleted the last document but had no time to check for more.
            assert posts(stack, 1, "✅ Cleanup: 150 records deleted") == ["✅ Cleanup: 150 records deleted [TEST MODE]"]
        finally:
            client.update_function_configuration(FunctionName=name, Environment={"Variables": before})

        assert not failed
        assert (answer["stopReason"], answer["continued"]) == ("deadline", True)
        assert 0 < answer["recordsDeleted"] < 150
        assert playbacks.count_documents({}) == 0
    messages = httpx.get(stack.discord + "/messages").json()
    # There are several posts if deliveries overtook each other, otherwise one; see unit/discord/test_delivery.py.
    chains = [f["value"] for m in messages for e in m["embeds"] for f in e["fields"] if f["name"].startswith("All ")]
    assert any(told.startswith("150 deleted in ") for told in chains)


def test_the_result_of_a_plan_event_is_returned_and_not_published(stack: Stack) -> None:
    httpx.delete(stack.discord + "/messages")
    old = datetime.now(UTC) - timedelta(days=90)
    with MongoClient[Document](stack.mongodb) as mongodb:
        playbacks = mongodb[DATABASE]["test-playbacks"]
        playbacks.insert_many(
            [{"_id": ObjectId.from_datetime(old + timedelta(days=n)), "createdAt": old} for n in range(5)]
        )
        failed, answer = invoke(stack, "cleanup", {"testMode": True, "plan": True})
        kept = playbacks.count_documents({})
        playbacks.insert_many([{"createdAt": old} for _ in range(2000)])
        refused, error = invoke(stack, "cleanup", {"testMode": True, "plan": True})
        allowed, _ = invoke(stack, "cleanup", {"testMode": True, "plan": True, "ignoreDeletionLimit": True})
        playbacks.delete_many({})

    assert not failed
    assert kept == 5
    assert [each["collection"] for each in answer["todo"]] == ["playbacks"]
    assert (answer["done"]["spans"], answer["done"]["workers"]) == (1, 1)
    assert refused
    assert "CLEANUP_DELETION_LIMIT_PERCENT" in error["errorMessage"]
    assert not allowed
    # Failures of the plan events above were returned only to the caller. To show that they were not posted, wait for
    # the post about a later failure.
    # Posts of earlier tests' failures may still arrive.
    invoke(stack, "cleanup", {"testMode": "yes"})
    assert posts(stack, 1, "Cleanup failed at event")
    assert posts(stack, 0, "deletion limit") == []


def test_the_cleanup_that_stats_starts_examines_everything(stack: Stack) -> None:
    httpx.delete(stack.discord + "/messages")

    failed, _ = invoke(stack, "stats", {"testMode": True})

    assert not failed
    # The previous test's post, a failure, may still arrive.
    assert posts(stack, 1, "✅ Cleanup")
    embeds = [embed for message in httpx.get(stack.discord + "/messages").json() for embed in message["embeds"]]
    (cleanup,) = [embed for embed in embeds if "✅ Cleanup" in embed["title"]]
    examined = [field["value"] for field in cleanup["fields"] if "Examined: every document" in field["value"]]
    assert len(examined) == 2


def test_an_alarm_is_posted_to_discord(stack: Stack) -> None:
    httpx.delete(stack.discord + "/messages")
    topic = aws_client("sns", stack.aws).list_topics()["Topics"][0]["TopicArn"]
    cloudwatch = aws_client("cloudwatch", stack.aws)
    cloudwatch.put_metric_alarm(
        AlarmName="cleanup-errors",
        AlarmActions=[topic],
        OKActions=[topic],
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )

    for state, title in (("ALARM", "❌ Alarm"), ("OK", "✅ Resolved")):
        cloudwatch.set_alarm_state(AlarmName="cleanup-errors", StateValue=state, StateReason="a test")
        assert posts(stack, 1, title) == [f"{title}: cleanup-errors"]
    # Posts of earlier tests may still arrive.
    messages = httpx.get(stack.discord + "/messages").json()
    (message,) = [each for each in messages if "cleanup-errors" in each["embeds"][0]["title"]]
    assert message["edited_timestamp"] is not None


def test_the_demo_ends_well(tmp_path: Path) -> None:
    """The month end on made-up data, checked by the demo itself."""
    result = _joytify(tmp_path, "demo", "--users", "60", "--playbacks-per-user", "30")

    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1].startswith(
        "demo: ok 48 of 60 users notified once (3 of them before), 45 pushed"
    )


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_leaves_no_server_running(tmp_path: Path, signum: signal.Signals) -> None:
    environment = {**ENVIRONMENT, "TMPDIR": str(tmp_path)}
    command = ["env", "--default-signal=INT,HUP,TERM", str(COMMAND), "demo"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        while not list(tmp_path.glob("joytify-*/discord.log")):
            assert demo.poll() is None
        demo.send_signal(signum)
        told = demo.communicate(timeout=60)[0]

    assert demo.returncode == INTERRUPTED, told
    assert list(tmp_path.iterdir()) == []
    # Every server inherits TMPDIR.
    assert [path for path in Path("/proc").glob("[0-9]*/environ") if str(tmp_path).encode() in _read(path)] == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # The process has ended.
        return b""


def _joytify(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
