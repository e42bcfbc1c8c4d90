"""The operator's commands against the embedded stack.

For `joytify doctor`, the tests break one thing at a time, and the matching check must find it.
"""

from __future__ import annotations

import json
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from loguru import logger
from pymongo import MongoClient
from typer.testing import CliRunner

from joytify_cli.data.verify import faults
from joytify_cli.main import app
from joytify_cli.target import QUEUES
from joytify_cli.terminal import INTERRUPTED
from joytify_common import mongo
from joytify_common.collections import TEST
from joytify_local.aws import FUNCTIONS, SECRET_NAME, WEBHOOK_PATH, WEBHOOK_TOKEN, deploy_function
from joytify_local.mongodb import initiate, mongod_path
from joytify_local.processes import free_port, start, stop
from joytify_local.stack import Stack, start_embedded

DATABASE = "joytify-operate"
# A process that a shell starts in the background ignores SIGINT, and so do its children.
INTERRUPTIBLE = ("env", "--default-signal=INT", str(Path(sys.executable).with_name("joytify")))

Document = dict[str, Any]


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """The whole local stack, started as processes on this computer; stats and cleanup have each succeeded once."""
    started = start_embedded(DATABASE)
    try:
        for job in ("stats", "cleanup"):
            started.client("lambda").invoke(FunctionName=FUNCTIONS[job], Payload=b"{}")
        yield started
    finally:
        started.stop()


@pytest.fixture
def stack(running: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack, recorded in build/stack.json of the current folder, where the command looks for it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MONGODB_URI", raising=False)
    # One second is enough to notice that a server is missing.
    monkeypatch.setattr(mongo, "CONNECT_SECONDS", 1)
    write(running)
    return running


def write(stack: Stack) -> None:
    Path("build").mkdir(exist_ok=True)
    Path("build/stack.json").write_text(json.dumps(vars(stack)), encoding="utf-8")


@pytest.fixture(autouse=True)
def _no_log_lines() -> None:
    """Print no log lines, like `joytify` itself, whatever an earlier test in this process configured."""
    logger.remove()


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code == INTERRUPTED:
        # Ctrl-C was meant for the tests.
        raise KeyboardInterrupt
    return result.exit_code, result.output


def parse_findings(output: str) -> list[Document]:
    findings: list[Document] = json.loads(output)
    return findings


def wrong_checks(findings: list[Document]) -> set[str]:
    return {finding["check"] for finding in findings if finding["status"] == "wrong"}


def test_a_healthy_stack_is_well(stack: Stack) -> None:
    code, told = run("doctor")

    assert (code, told.splitlines()[-1]) == (0, "all is well"), told
    assert "MongoDB 6.0" in told
    assert "nothing was posted" in told
    assert httpx.get(stack.backend + "/pushed").json()["users"] == {}


def test_a_message_is_posted_only_if_asked_for(stack: Stack) -> None:
    httpx.delete(stack.discord + "/messages")

    code, told = run("doctor", "--post")
    assert code == 0, told

    # The summaries of runs may still arrive.
    assert titles(stack).count("joytify doctor --post") == 1


def titles(stack: Stack) -> list[str]:
    messages = httpx.get(stack.discord + "/messages").json()
    return [embed["title"] for message in messages for embed in message["embeds"]]


@contextmanager
def changed_secret(stack: Stack, change: Callable[[Document], object]) -> Iterator[None]:
    client = stack.client("secretsmanager")
    before = client.get_secret_value(SecretId=SECRET_NAME)["SecretString"]
    values = json.loads(before)
    changed = change(values)
    text = changed if isinstance(changed, str) else json.dumps(values)
    client.put_secret_value(SecretId=SECRET_NAME, SecretString=text)
    yield
    client.put_secret_value(SecretId=SECRET_NAME, SecretString=before)


def in_secret(**values: object) -> Callable[[Stack], AbstractContextManager[None]]:
    """Change keys of the secret; the value None removes a key."""

    def change(held: Document) -> None:
        held.update(values)
        for key in [key for key, value in values.items() if value is None]:
            del held[key]

    return lambda stack: changed_secret(stack, change)


def in_environment(job: str, **values: str) -> Callable[[Stack], AbstractContextManager[None]]:
    @contextmanager
    def change(stack: Stack) -> Iterator[None]:
        client, name = stack.client("lambda"), FUNCTIONS[job]
        before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        client.update_function_configuration(FunctionName=name, Environment={"Variables": {**before, **values}})
        yield
        client.update_function_configuration(FunctionName=name, Environment={"Variables": before})

    return change


@contextmanager
def no_aws(stack: Stack) -> Iterator[None]:
    write(replace(stack, aws="http://127.0.0.1:1"))
    yield
    write(stack)


def no_secret_json(stack: Stack) -> AbstractContextManager[None]:
    return changed_secret(stack, lambda _: "no json")


def wrong_password(stack: Stack) -> AbstractContextManager[None]:
    host = stack.mongodb.removeprefix("mongodb://")
    return in_secret(MONGODB_CONNECTION_STRING=f"mongodb://joytify:hunter2@{host}")(stack)


@contextmanager
def without_right_to_delete(stack: Stack) -> Iterator[None]:
    """A server with access control; the secret names a user who may read and write, but not delete."""
    folder, port = Path("auth"), free_port("127.0.0.1")
    (folder / "data").mkdir(parents=True)
    key = folder / "key"
    key.write_text("a" * 64)
    key.chmod(0o600)
    command = [str(mongod_path()), "--dbpath", str(folder / "data"), "--port", str(port), "--bind_ip", "127.0.0.1"]
    command += ["--replSet", "rs0", "--keyFile", str(key), "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
    uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    pid = start(command, folder / "log", lambda: initiate(uri, f"127.0.0.1:{port}"))
    try:
        with MongoClient[Document](uri) as client:
            # MongoDB's localhost exception: a server without users lets a local client create the first one.
            client.admin.command("createUser", "root", pwd="r", roles=["root"])  # noqa: S106 - of this test
        with MongoClient[Document](uri, username="root", password="r") as client:  # noqa: S106 - of this test
            privileges = [
                {
                    "resource": {"db": DATABASE, "collection": ""},
                    "actions": ["find", "insert", "update", "listIndexes", "listCollections", "dbStats"],
                }
            ]
            client[DATABASE].command("createRole", "writer", privileges=privileges, roles=[])
            client[DATABASE].command("createUser", "joytify", pwd="hunter2", roles=["writer"])  # noqa: S106 - of this test
        limited = uri.replace("//", "//joytify:hunter2@").replace("/?", f"/{DATABASE}?")
        with in_secret(MONGODB_CONNECTION_STRING=limited)(stack):
            yield
    finally:
        stop([pid])


def another_database(stack: Stack) -> AbstractContextManager[None]:
    return in_secret(MONGODB_CONNECTION_STRING=stack.mongodb.replace("/?", "/joytify-dev?"))(stack)


@contextmanager
def strict_validator(stack: Stack) -> Iterator[None]:
    """A validator that allows only the fields of the backend's user model."""
    known: Document = {"_id": {}, "email": {}, "notifications": {"items": {"properties": {"id": {}}}}}
    schema = {"$jsonSchema": {"properties": known, "additionalProperties": False}}
    with MongoClient[Document](stack.mongodb) as client:
        users = client[DATABASE].users
        users.insert_one({"email": "ann@example.com", "notifications": None})
        client[DATABASE].command("collMod", "users", validator=schema)
        yield
        client[DATABASE].command("collMod", "users", validator={})
        users.delete_one({"email": "ann@example.com"})


@contextmanager
def full(stack: Stack) -> Iterator[None]:
    with MongoClient[Document](stack.mongodb) as client, in_environment("cleanup", STORAGE_LIMIT_MB="1")(stack):
        client[DATABASE].ballast.insert_one({"x": "x" * 900_000})
        yield
        client[DATABASE].ballast.drop()


@contextmanager
def failing_backend(stack: Stack) -> Iterator[None]:
    httpx.put(stack.backend + "/mood", json={"status": 500, "times": 10})
    yield
    httpx.put(stack.backend + "/mood", json={})


def wrong_path(stack: Stack) -> AbstractContextManager[None]:
    return in_secret(API_DOMAIN=stack.backend + "/v2")(stack)


def without_function(short: str) -> Callable[[Stack], AbstractContextManager[None]]:
    @contextmanager
    def change(stack: Stack) -> Iterator[None]:
        client, name = stack.client("lambda"), FUNCTIONS[short]
        environment = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        client.delete_function(FunctionName=name)
        yield
        deploy_function(client, short, environment, images=False)

    return change


def gone_webhook(stack: Stack) -> AbstractContextManager[None]:
    url = f"{stack.discord}{WEBHOOK_PATH}".replace(WEBHOOK_TOKEN, "hunter2")
    return in_secret(DISCORD_WEBHOOK_URL=url)(stack)


def gone_alerts_webhook(stack: Stack) -> AbstractContextManager[None]:
    return in_secret(DISCORD_ALERTS_WEBHOOK_URL=f"{stack.discord}/api/webhooks/5/hunter2")(stack)


@contextmanager
def short_timeout(stack: Stack) -> Iterator[None]:
    client, name = stack.client("lambda"), FUNCTIONS["cleanup"]
    client.update_function_configuration(FunctionName=name, Timeout=3)
    yield
    client.update_function_configuration(FunctionName=name, Timeout=900)


@contextmanager
def no_subscription(stack: Stack) -> Iterator[None]:
    client = stack.client("sns")
    (found,) = client.list_subscriptions()["Subscriptions"]
    client.unsubscribe(SubscriptionArn=found["SubscriptionArn"])
    yield
    client.subscribe(TopicArn=found["TopicArn"], Protocol="lambda", Endpoint=found["Endpoint"])


@contextmanager
def never_succeeded(stack: Stack) -> Iterator[None]:
    stack.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{FUNCTIONS['cleanup']}")
    yield
    stack.client("lambda").invoke(FunctionName=FUNCTIONS["cleanup"], Payload=b"{}")


@pytest.mark.parametrize(
    ("broken", "check", "says"),
    [
        (no_aws, "aws", "AWS could not be reached"),
        (no_secret_json, "secret", "must be a JSON object"),
        (in_secret(DISCORD_WEBHOOK_URL=None), "secret", "DISCORD_WEBHOOK_URL is missing"),
        (in_secret(API_DOMAIN="localhost"), "secret", "API_DOMAIN is not a URL"),
        (in_secret(API_DOMAIN="https://[x"), "secret", "API_DOMAIN is not a URL (https://...)"),
        (in_secret(DISCORD_TIMEZONE=8), "secret", "DISCORD_TIMEZONE must be text"),
        (in_secret(DISCORD_THREAD_ID=[1]), "secret", "DISCORD_THREAD_ID must be text"),
        (in_secret(MONGODB_CONNECTION_STRING="mongodb://127.0.0.1:1/"), "mongodb", "IP access list"),
        (wrong_password, "mongodb", "refused the user name or password"),
        (without_right_to_delete, "rights", "it needs readWrite"),
        (another_database, "mongodb", "names the database joytify-dev, but the functions use"),
        (strict_validator, "validator", "refuses writes by stats for 1 of the newest 1 users"),
        (full, "storage", "of 1 MB used, more than 80 %"),
        (in_secret(API_INTERNAL_SECRET_KEY="another"), "backend", "key"),  # noqa: S106 - a wrong one
        (in_secret(API_DOMAIN="http://127.0.0.1:1"), "backend", "could not be reached"),
        (failing_backend, "backend", "500"),
        (wrong_path, "backend", "in production the URL ends in /api/v1"),
        (in_secret(DISCORD_WEBHOOK_URL="http://127.0.0.1:1/api/webhooks/1/hunter2"), "discord", "could not be reached"),
        (gone_webhook, "discord", "DISCORD_WEBHOOK_URL: Discord answered 401"),
        (gone_alerts_webhook, "discord", "DISCORD_ALERTS_WEBHOOK_URL: Discord answered 404"),
        (without_function("discord"), "function discord", "ResourceNotFoundException"),
        (without_function("stats"), "function stats", "ResourceNotFoundException"),
        (without_function("cleanup"), "function cleanup", "ResourceNotFoundException"),
        (in_environment("cleanup", CLEANUP_DAYS="0"), "settings cleanup", "CLEANUP_DAYS: "),
        (in_environment("stats", DB_NAME="another"), "wiring", "DB_NAME differs between stats and cleanup"),
        (in_environment("discord", SECRET_ID="another"), "wiring", "SECRET_ID differs"),  # noqa: S106 - a name
        (
            in_environment("stats", CLEANUP_FUNCTION_NAME="another"),
            "wiring",
            "CLEANUP_FUNCTION_NAME of stats is another",
        ),
        (short_timeout, "wiring", "cleanup may run for only 3 s"),
        (in_environment("cleanup", CLEANUP_ARCHIVE_BUCKET="no-such-bucket"), "archive", "bucket no-such-bucket"),
        (no_subscription, "topic", "is not subscribed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_broken_is_named_and_nothing_else(
    stack: Stack, broken: Callable[[Stack], AbstractContextManager[None]], check: str, says: str
) -> None:
    with broken(stack):
        result = CliRunner().invoke(app, ["doctor", "--json"])

    findings = parse_findings(result.stdout)
    text = json.dumps(findings, ensure_ascii=False)
    named = [finding for finding in findings if finding["status"] == "wrong"]
    assert wrong_checks(findings) == {check}, text
    assert any(says in finding["says"] for finding in named), text
    assert all(finding["action"] for finding in named)
    # A failing check does not stop the others: each has a finding, at least "not checked".
    assert {"mongodb", "backend", "discord", "topic", "alarms", "schedules"} <= {each["check"] for each in findings}
    assert "hunter2" not in text


def test_a_fresh_stack_has_no_success_yet_and_that_is_no_fault(stack: Stack) -> None:
    with never_succeeded(stack):
        result = CliRunner().invoke(app, ["doctor", "--json"])

    findings = parse_findings(result.stdout)
    assert wrong_checks(findings) == set()
    assert ("note", "cleanup: no success in the last 45 days") in {(each["status"], each["says"]) for each in findings}


def test_what_is_worth_knowing_is_noted(stack: Stack) -> None:
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE].playbacks.create_index("user", hidden=True)
        client[DATABASE].stats.create_index("user", partialFilterExpression={"x": 1})
    with in_secret(SCHEDULE_MODE="test_auto", DISCORD_WEBHOOK="x", PORT=8080, DEBUG=True)(stack):
        result = CliRunner().invoke(app, ["doctor", "--json"])

    notes = {(each["check"], each["says"]) for each in parse_findings(result.stdout) if each["status"] == "note"}
    assert ("secret", "SCHEDULE_MODE is test_auto: runs use the test collections") in notes
    assert ("secret", "no function reads the key DISCORD_WEBHOOK: did you mean DISCORD_WEBHOOK_URL?") in notes
    (lacking,) = [says for check, says in notes if check == "indexes"]
    assert "no index on playbacks.user:" in lacking
    assert "no index on stats.user:" in lacking
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE].playbacks.drop_index("user_1")
        client[DATABASE].stats.drop_index("user_1")


def test_a_mode_is_set_and_every_other_key_is_kept(stack: Stack) -> None:
    client = stack.client("secretsmanager")
    with in_secret(SOMEBODY_ELSES="ключ")(stack):
        before = client.get_secret_value(SecretId=SECRET_NAME)
        refused = run("schedule", "set", "test_auto")
        unchanged = client.get_secret_value(SecretId=SECRET_NAME)["VersionId"]
        code, told = run("schedule", "set", "test_auto", "--yes")
        after = client.get_secret_value(SecretId=SECRET_NAME)
        again = run("schedule", "set", "test_auto", "--yes")
        assert "to go back: joytify schedule set production" in told
        assert run("secret", "undo")[0] == 2
        assert run("secret", "undo", "--yes")[0] == 0
        back = client.get_secret_value(SecretId=SECRET_NAME)

    assert refused[0] == 2
    assert unchanged == before["VersionId"]
    assert code == 0
    assert json.loads(after["SecretString"]) == {**json.loads(before["SecretString"]), "SCHEDULE_MODE": "test_auto"}
    assert "already" in again[1]
    assert (back["VersionId"], back["SecretString"]) == (before["VersionId"], before["SecretString"])


def test_a_key_of_the_secret_is_changed_and_no_value_is_shown(stack: Stack) -> None:
    client = stack.client("secretsmanager")

    def put(key: str, value: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["secret", "set", key, "--yes"], input=value)
        return result.exit_code, result.output

    with in_secret(SOMEBODY_ELSES="ключ")(stack):
        before = json.loads(client.get_secret_value(SecretId=SECRET_NAME)["SecretString"])
        assert put("DISCORD_TIMEZON", "Asia/Taipei")[0] == 2
        refused = put("DISCORD_WEBHOOK_URL", "https://example.com/the-token")
        code, told = put("API_INTERNAL_SECRET_KEY", "another-key-1")
        after = json.loads(client.get_secret_value(SecretId=SECRET_NAME)["SecretString"])
        again = put("API_INTERNAL_SECRET_KEY", "another-key-1")
        assert run("secret", "undo", "--yes")[0] == 0
        back = json.loads(client.get_secret_value(SecretId=SECRET_NAME)["SecretString"])

    assert (refused[0], "the address of a Discord webhook" in refused[1], "the-token" in refused[1]) == (2, True, False)
    assert (code, "another-key-1" in told) == (0, False)
    assert put("SCHEDULE_MODE", "")[0] == 2
    assert "the pipeline reads no key ''" in put("", "x")[1]
    assert "takes effect with the next run" in told
    assert after == {**before, "API_INTERNAL_SECRET_KEY": "another-key-1"}
    assert "already" in again[1]
    assert back == before


def test_only_an_optional_key_of_the_secret_is_removed(stack: Stack) -> None:
    client = stack.client("secretsmanager")

    with in_secret(DISCORD_THREAD_ID="12345")(stack):
        required = run("secret", "remove", "API_DOMAIN", "--yes")
        removed = run("secret", "remove", "DISCORD_THREAD_ID", "--yes")
        left = json.loads(client.get_secret_value(SecretId=SECRET_NAME)["SecretString"])
        again = run("secret", "remove", "DISCORD_THREAD_ID", "--yes")

    assert (required[0], "is not an optional key" in required[1]) == (2, True)
    assert (removed[0], "DISCORD_THREAD_ID is removed" in removed[1]) == (0, True)
    assert "takes effect within 5 minutes" in removed[1]
    assert "DISCORD_THREAD_ID" not in left
    assert "API_DOMAIN" in left
    assert "has no DISCORD_THREAD_ID" in again[1]


def test_an_overwritten_secret_is_restored(stack: Stack) -> None:
    client = stack.client("secretsmanager")
    before = client.get_secret_value(SecretId=SECRET_NAME)["SecretString"]
    for text in ("not JSON", '{"SCHEDULE_MODE": "test_auto"}'):
        client.put_secret_value(SecretId=SECRET_NAME, SecretString=text)
        code, advised = run("doctor")
        restored = run("secret", "undo", "--yes")

        assert (code, "joytify secret undo" in advised, restored[0]) == (1, True, 0), restored[1]
        assert ("to redo it" in restored[1]) == (text != "not JSON")
        assert client.get_secret_value(SecretId=SECRET_NAME)["SecretString"] == before


@pytest.mark.usefixtures("stack")
def test_failed_pushes_fail_the_command_and_the_error_names_the_command_to_run_next() -> None:
    assert run("data", "generate", "20", "--playbacks-per-user", "50")[0] == 0
    assert run("stack", "break", "backend")[0] == 0
    try:
        code, told = run("invoke", "stats", "--test-mode")
    finally:
        run("stack", "mend", "backend")
        cleared = run("data", "clear")

    assert (code, cleared[0]) == (1, 0)
    assert re.search(r"joytify invoke stats --period \d{4}-\d\d --push-again --test-mode", told)


@pytest.mark.parametrize("odd", [b"\xff\xfe", 9_000_000_000_000_000])
def test_documents_with_any_id_are_cleared(stack: Stack, odd: bytes | int) -> None:
    """A string that is not UTF-8, and a date after the year 9999."""
    value = struct.pack("<i", len(odd) + 1) + odd + b"\0" if isinstance(odd, bytes) else struct.pack("<q", odd)
    kind = b"\x02" if isinstance(odd, bytes) else b"\x09"
    body = kind + b"_id\0" + value
    raw = RawBSONDocument(struct.pack("<i", len(body) + 5) + body + b"\0")
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE].get_collection(TEST.sessions).insert_one(raw)
        code, told = run("data", "clear")
        left = client[DATABASE][TEST.sessions].estimated_document_count()

    assert (code, left) == (0, 0), told


def test_a_corrected_webhook_is_used_immediately(stack: Stack) -> None:
    """The function read the secret a moment ago and caches it."""
    event = {"Records": [{"EventSource": "aws:sns", "Sns": envelope(f"a message {time.time()}")}]}
    invoke = {"FunctionName": FUNCTIONS["discord"], "Payload": json.dumps(event).encode()}
    # Changing a setting makes Lambda use a new container, which has not cached the secret.
    with in_environment("discord", LOG_LEVEL="DEBUG")(stack):
        with in_secret(DISCORD_WEBHOOK_URL=stack.discord + "/api/webhooks/1/gone")(stack):
            assert "FunctionError" in stack.client("lambda").invoke(**invoke)

        assert "FunctionError" not in stack.client("lambda").invoke(**invoke)


def test_a_self_test_reports_services_that_the_function_cannot_reach(stack: Stack) -> None:
    """The function's settings and address may differ from this machine's."""
    asked = {
        each["check"]: each
        for each in parse_findings(run("doctor", "--json")[1])
        if each["check"].startswith("self-test")
    }
    assert {name: each["says"] for name, each in asked.items()} == {
        "self-test stats": "it reaches mongodb, backend",
        "self-test cleanup": "it reaches mongodb",
        "self-test discord": "it reaches DISCORD_WEBHOOK_URL; discord caches the secret for up to 5 minutes",
    }
    httpx.delete(stack.discord + "/messages").raise_for_status()

    # doctor finds the same fault from this machine, so the function's finding is only a note.
    with in_environment("cleanup", CLEANUP_ARCHIVE_BUCKET="no-such-bucket")(stack):
        asked = {each["check"]: each for each in parse_findings(run("doctor", "--json")[1])}
    assert (asked["archive"]["status"], asked["self-test cleanup"]["status"]) == ("wrong", "note")
    assert "no-such-bucket" in asked["self-test cleanup"]["says"]

    # Only the function's own connection fails.
    with in_environment("stats", HTTPS_PROXY="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="")(stack):
        found = parse_findings(run("doctor", "--json")[1])
    assert wrong_checks(found) == {"self-test stats"}
    # A self-test posts nothing to Discord; the summaries of earlier runs may still arrive.
    assert [title for title in titles(stack) if "Cleanup" not in title and "Monthly statistics" not in title] == []


def test_an_embedded_stack_has_no_schedule_and_says_so(stack: Stack) -> None:
    del stack

    assert run("schedule", "show") == (0, "no rules in the embedded local stack: nothing runs by itself\n")
    assert run("schedule", "pause", "weekly-cleanup", "--yes")[0] == 2


def test_a_function_is_called_and_its_log_is_shown(stack: Stack) -> None:
    del stack
    dry = run("invoke", "cleanup", "--dry-run", "--sweep")
    refused = run("invoke", "cleanup")
    failed = run("invoke", "stats", "--period", "2999-01", "--yes")
    as_json = run("invoke", "cleanup", "--test-mode", "--json")
    code, queued = run("invoke", "cleanup", "--test-mode", "--async")

    assert dry[0] == 0
    assert "run ended" in dry[1]
    assert re.search(r"dryRun +│ yes", dry[1])
    assert refused == (
        2,
        (
            "error: joytify-playback-data-cleanup in the embedded local stack will change the PRODUCTION collections "
            "(if SCHEDULE_MODE is production): use --yes, or try --dry-run first\n"
        ),
    )
    # The command itself rejects the event; the function is not invoked.
    assert failed[0] == 2
    assert "2999-01 is not over" in failed[1]
    assert json.loads(as_json[1])["testMode"] is True
    assert code == 0
    assert "its log: joytify tail cleanup --follow" in queued
    request = json.loads(as_json[1])["requestId"]
    shown = run("tail", "cleanup", "--request", request[:13])[1]
    assert shown.count("━━") == 1
    assert "testMode=True" in shown
    assert f"{request}\n" in shown


@pytest.mark.timeout(60)
def test_a_log_is_followed_until_ctrl_c(stack: Stack) -> None:
    call = {"FunctionName": FUNCTIONS["discord"], "Payload": b'{"Records": []}'}
    stack.client("lambda").invoke(**call)
    # Summaries of other tests may still arrive and log `records=1`, so only `records=0` counts.
    before = run("tail", "discord", "--since", "5m")[1].count("records=0")
    command = [*INTERRUPTIBLE, "tail", "discord", "--since", "5m", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        lines = (line for line in following.stdout if "records=0" in line)
        earlier = [next(lines) for _ in range(before)]
        # The command has printed the existing lines; it now follows new ones.
        stack.client("lambda").invoke(**call)
        later = next(lines)
        following.send_signal(signal.SIGINT)

        assert following.wait(30) == 0
    assert before
    assert len(earlier) == before
    assert "posted" in later


def test_the_capacity_is_measured(stack: Stack) -> None:
    made = run("data", "generate", "50", "--playbacks-per-user", "90", "--production", "--confirm", DATABASE)
    with MongoClient[Document](stack.mongodb) as client:
        # The sizes of new indexes are known after a checkpoint.
        client.admin.command("fsync")
    measured = run("capacity", "--measure", "--json")
    assert (made[0], measured[0]) == (0, 0), made[1] + measured[1]
    figures = json.loads(measured[1])
    shown = run("capacity", "--measure")[1]
    assert run("data", "generate", "50", "--playbacks-per-user", "90")[0] == 0
    with_test_data = json.loads(run("capacity", "--measure", "--json")[1])
    assert run("data", "clear")[0] == 0
    after = json.loads(run("capacity", "--measure", "--json")[1])
    assert after["usedBytes"] < with_test_data["usedBytes"]
    with MongoClient[Document](stack.mongodb) as client:
        total = client[DATABASE].command("dbStats")
        size = client[DATABASE].command("collStats", "playbacks")["avgObjSize"]
    (profile,) = figures["profiles"].values()

    assert figures["users"] == 50
    assert after["usedBytes"] == total["dataSize"] + total["indexSize"]
    assert figures["indexShare"] == pytest.approx(with_test_data["indexShare"], rel=0.05)
    # 90 plays in 90 days, of the size that MongoDB reports; sixty days are kept.
    assert profile["documentBytes"]["playbacks"] == pytest.approx(60 * size, rel=0.03)
    assert "now: " in shown


def test_data_is_generated_appended_and_cleared(stack: Stack) -> None:
    made = run("data", "generate", "40", "--playbacks-per-user", "9", "--shuffle", "--expired-share", "0.5")
    twice = run("data", "generate", "40")
    added = run("data", "append", "10", "--playbacks-per-user", "9", "--days", "30")
    counted = run("data", "stats")
    verified = run("data", "verify")
    with MongoClient[Document](stack.mongodb) as client:
        emails = client[DATABASE]["test-users"].distinct("email")
    cleared = run("data", "clear")

    assert "360 playbacks, 180 of them expired" in made[1]
    assert (twice[0], "append" in twice[1]) == (2, True)
    assert "90 playbacks, 0 of them expired" in added[1]
    assert re.search(r"test-playbacks +│ +490 ", counted[1])
    assert "every rule holds" in verified[1]
    assert len(emails) == 50
    assert "test-playbacks: 490 documents removed\n" in cleared[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("clear", "--production"), "use --confirm joytify-operate"),
        (("clear", "--production", "--confirm", "joytify"), "use --confirm joytify-operate"),
        (("generate", "5", "--production"), "use --confirm joytify-operate"),
        (("generate", "5", "--expired-share", "0.5", "--days", "30"), "nothing in the last 30 days is older"),
        (("indexes", "drop", "playbacks._id"), "and FIELD not _id"),
        (("indexes", "drop", "playbacks.nothing"), "there is no index"),
        (("indexes", "create", "plays.user"), "must be COLLECTION.FIELD"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_commands_on_production_require_the_databases_name_and_a_usage_error_changes_nothing(
    stack: Stack, words: tuple[str, ...], says: str
) -> None:
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE].playbacks.insert_one({"_id": "kept"})
        code, told = run("data", *words)
        kept = client[DATABASE].playbacks.delete_one({"_id": "kept"}).deleted_count

    assert code == 2
    assert says in " ".join(told.replace("│", " ").split())
    assert kept == 1


def test_indexes_are_listed_made_and_dropped(stack: Stack) -> None:
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE]["test-stats"].drop()
    before = run("data", "indexes", "list")[1]
    made = run("data", "indexes", "create")
    one = run("data", "indexes", "create", "playbacks.createdAt")
    after = run("data", "indexes", "list")[1]
    dropped = run("data", "indexes", "drop", "playbacks.createdAt")

    assert "missing on test-stats: user: " in before
    assert (made[0], made[1].count("\n")) == (0, 8)
    assert one == (0, "test-playbacks.createdAt: createdAt_1\n")
    assert "missing" not in after
    assert "expiresAt_1" in after
    assert dropped == (0, "test-playbacks.createdAt: createdAt_1 dropped\n")
    assert run("data", "clear")[0] == 0


@pytest.mark.parametrize("kind", ["stats", "playbacks"])
def test_after_ctrl_c_the_data_is_consistent_and_its_counts_are_printed(stack: Stack, kind: str) -> None:
    """Statistics and notifications are written before the users who have them."""
    command = [*INTERRUPTIBLE, "data", "generate", "2500", "--playbacks-per-user", "100"]
    with MongoClient[Document](stack.mongodb, tz_aware=True) as client:
        database = client[DATABASE]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as making:
            while not database[getattr(TEST, kind)].estimated_document_count():
                assert making.poll() is None
            making.send_signal(signal.SIGINT)
            told = making.communicate(timeout=60)[0]
        held = {name: database[name].count_documents({}) for name in vars(TEST).values()}
        broken = list(faults(database, TEST))
    cleared = run("data", "clear")

    assert making.returncode == 130, told
    assert "interrupted" in told
    assert "`joytify data append N --seed 1`" in told
    shown = {name: int(count.replace(",", "")) for name, count in re.findall(r"(test-\w+) +│ +([\d,]+) ", told)}
    assert shown == held
    assert held[getattr(TEST, kind)]
    assert broken == []
    assert cleared[0] == 0


def test_mongodb_uri_does_not_override_the_option_aws(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", stack.mongodb)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")

    here = run("data", "stats", "--database", DATABASE)
    there = run("data", "indexes", "drop", "playbacks.song", "--aws")
    both = run("data", "stats", "--aws", "--uri", stack.mongodb)

    assert here[0] == 0
    assert (there[0], "AWS_REGION is not set" in there[1]) == (2, True)
    assert (both[0], "--uri and --aws" in both[1]) == (2, True)


def test_rates_are_right_for_many_documents_within_one_hour(stack: Stack) -> None:
    """25,000 plays within one hour, as in a database that thousands of users write to."""
    with MongoClient[Document](stack.mongodb) as client:
        playbacks, now = client[DATABASE].playbacks, int(time.time())
        playbacks.delete_many({})
        client[DATABASE].users.delete_many({})
        client[DATABASE].users.insert_one({"_id": "somebody"})
        old = ObjectId(struct.pack(">IQ", now - 30 * 86400, 0))
        made = [ObjectId(struct.pack(">IQ", now - number * 3600 // 25_000, number)) for number in range(25_000)]
        playbacks.insert_many([{"_id": each} for each in (old, *made)])
        figures = json.loads(run("capacity", "--measure", "--json", "--retention-days", "7")[1])
        playbacks.delete_many({})
        client[DATABASE].users.delete_many({})

    (profile,) = figures["profiles"].values()
    # A document of an _id alone has 22 bytes.
    assert profile["documentBytes"]["playbacks"] == pytest.approx(25_000 * 22, rel=0.01)


def test_generate_refuses_statistics_without_users(stack: Stack) -> None:
    """An interrupted `generate` leaves them behind."""
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE]["test-stats"].insert_one({"user": 1})
        code, told = run("data", "generate", "5")
        client[DATABASE]["test-stats"].drop()

    assert (code, f"{DATABASE}.test-stats is not empty" in told) == (2, True)


def test_a_seed_is_used_once(stack: Stack) -> None:
    made = run("data", "append", "5", "--playbacks-per-user", "4", "--seed", "7")
    again = run("data", "append", "5", "--playbacks-per-user", "4", "--seed", "7")
    with MongoClient[Document](stack.mongodb) as client:
        held = client[DATABASE]["test-users"].count_documents({})
    cleared = run("data", "clear")

    assert (made[0], again[0], cleared[0]) == (0, 2, 0)
    assert "choose another --seed" in again[1]
    assert held == 5


@pytest.mark.parametrize(
    ("share_used", "level"),
    [(0.5, 0.8), (0.9, 1.0), (1.1, None)],
    ids=["below the alert level", "above the alert level", "above the limit"],
)
def test_the_day_of_the_next_level_is_forecast(stack: Stack, share_used: float, level: float | None) -> None:
    command = ("capacity", "--measure", "--uri", stack.mongodb, "--database", "levels")
    with MongoClient[Document](stack.mongodb) as client:
        client.levels.users.insert_one({"_id": "somebody"})
        client.levels.songs.insert_many([{"text": "x" * 500_000} for _ in range(40)])
        used = json.loads(run(*command, "--json")[1])["usedBytes"]
        limit = ("--limit-mb", str(round(used / share_used / 1024**2)))
        figures = json.loads(run(*command, "--json", *limit)[1])
        shown = run(*command, *limit)[1]
        client.drop_database("levels")

    # All data was created in the last week, and nothing expires.
    limit_bytes, growth = figures["limitBytes"], used / 7
    days = max(0, ((level or 1) * limit_bytes - used) / growth)
    assert figures["nextLevel"] == (level or 1)
    assert figures["daysUntilNextLevel"] == pytest.approx(days, rel=0.1)
    assert ("is reached in" in shown) == (level is not None)
    says = "the limit is reached or exceeded" if level is None else f"{level:.0%} of the limit is reached in"
    assert says in shown


def test_measured_capacity_has_the_limit_and_retention_of_the_deployed_cleanup(stack: Stack) -> None:
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE].users.insert_one({"_id": "somebody"})
    with in_environment("cleanup", STORAGE_LIMIT_MB="2048", CLEANUP_DAYS="30")(stack):
        result = CliRunner().invoke(app, ["capacity", "--measure", "--json"])
    with MongoClient[Document](stack.mongodb) as client:
        client[DATABASE].users.delete_many({})
    empty = run("capacity", "--measure")

    figures = json.loads(result.output)
    assert (figures["limitBytes"], figures["retentionDays"]) == (2048 * 1024 * 1024, 30)
    assert empty == (1, f"error: {DATABASE} has no users to measure\n")
    assert run("capacity", "--measure", "--active-share", "0.5")[0] == 2


def test_generate_allows_zero_playbacks_and_an_expired_share_of_one(stack: Stack) -> None:
    del stack
    assert "0 playbacks" in run("data", "generate", "3", "--playbacks-per-user", "0")[1]
    assert run("data", "clear")[0] == 0
    assert run("data", "generate", "1", "--playbacks-per-user", "10", "--expired-share", "1")[0] == 0
    assert run("data", "clear")[0] == 0


@pytest.fixture
def queues(stack: Stack) -> Iterator[dict[str, str]]:
    """The URL of each queue that Terraform would create, by the queue's name without the prefix."""
    sqs = stack.client("sqs")
    made = {name: sqs.create_queue(QueueName=f"joytify-{name}")["QueueUrl"] for name in QUEUES}
    yield made
    for url in made.values():
        sqs.delete_queue(QueueUrl=url)


def dead_letter_body(event: object, error: str = "no") -> str:
    """Return what Lambda puts into a queue for an event whose attempts have failed."""
    context = {"requestId": "a-request", "condition": "RetriesExhausted"}
    return json.dumps({"requestContext": context, "requestPayload": event, "responsePayload": {"errorMessage": error}})


def envelope(text: str) -> Document:
    """Return a message in the envelope in which SNS delivers it."""
    return {"Type": "Notification", "MessageId": text, "TopicArn": "arn:aws:sns:x:1:t", "Message": text}


def test_what_is_in_a_queue_is_shown_and_stays_there(stack: Stack, queues: dict[str, str]) -> None:
    sqs = stack.client("sqs")
    for number in range(12):
        body = dead_letter_body({"dryRun": True, "triggeredBy": f"test {number}"}, "MongoDB refused")
        sqs.send_message(QueueUrl=queues["cleanup-failed"], MessageBody=body)
    sqs.send_message(QueueUrl=queues["stats-failed"], MessageBody="not JSON")

    for _ in range(2):
        code, output = run("queues", "show", "--json")
        shown = json.loads(output)
        assert (code, len(shown["joytify-cleanup-failed"])) == (0, 12)
        assert {each["error"] for each in shown["joytify-cleanup-failed"]} == {"MongoDB refused"}
        assert shown["joytify-stats-failed"][0]["event"] == "cannot be read"
    code, output = run("queues", "show", "cleanup-failed")
    assert code == 0
    assert "a-request" in output
    assert run("queues", "show", "nosuch")[0] == 2

    assert run("queues", "purge", "cleanup-failed")[0] == 2
    assert run("queues", "purge", "cleanup-failed", "--yes")[0] == 0
    assert json.loads(run("queues", "show", "--json")[1])["joytify-cleanup-failed"] == []


def test_failed_events_are_sent_again_to_their_function(stack: Stack, queues: dict[str, str]) -> None:
    sqs = stack.client("sqs")
    httpx.delete(stack.discord + "/messages").raise_for_status()
    sns_event = {"Records": [{"EventSource": "aws:sns", "Sns": envelope("one that failed")}]}
    sqs.send_message(QueueUrl=queues["discord-failed"], MessageBody=dead_letter_body(sns_event))
    undelivered = json.dumps(envelope("one that was not delivered"))
    sqs.send_message(QueueUrl=queues["discord-undelivered"], MessageBody=undelivered)
    arn = f"arn:aws:lambda:ap-northeast-1:000000000000:function:{FUNCTIONS['cleanup']}"
    attributes = {"TARGET_ARN": {"DataType": "String", "StringValue": arn}}
    missed = json.dumps({"dryRun": True, "triggeredBy": "a missed schedule"})
    sqs.send_message(QueueUrl=queues["schedules-missed"], MessageBody=missed, MessageAttributes=attributes)

    assert run("queues", "retry", "discord-failed")[0] == 2
    assert run("queues", "show", "")[0] == 2
    for name in ("discord-failed", "discord-undelivered", "schedules-missed"):
        code, output = run("queues", "retry", name, "--yes")
        assert (code, "1 event sent again" in output) == (0, True), output
    wanted = {"one that failed", "one that was not delivered", "dry run"}
    end = time.monotonic() + 60
    while not all(text in (posted := httpx.get(stack.discord + "/messages").text) for text in wanted):
        assert time.monotonic() < end, (posted, run("tail", "cleanup", "--since", "2m"))
        time.sleep(0.2)
    assert all(not letters for letters in json.loads(run("queues", "show", "--json")[1]).values())


@pytest.mark.parametrize(
    ("job", "wrong"),
    [("cleanup", {"dryrun": True}), ("stats", {"period": "2026-13"}), ("stats", {"period": "2999-01"})],
)
def test_an_event_that_would_be_refused_again_stays_in_its_queue(
    stack: Stack, queues: dict[str, str], job: str, wrong: Document
) -> None:
    sqs = stack.client("sqs")
    for event in (wrong, {"dryRun": True}):
        sqs.send_message(QueueUrl=queues[f"{job}-failed"], MessageBody=dead_letter_body(event))

    code, output = run("queues", "retry", f"{job}-failed", "--yes")

    assert code == 1
    assert next(iter(wrong)) in output
    assert f"delete every event that is left: `joytify queues purge {job}-failed`" in output
    (left,) = json.loads(run("queues", "show", f"{job}-failed", "--json")[1])[f"joytify-{job}-failed"]
    assert left["event"] == wrong


def test_events_without_an_existing_target_stay_in_the_queue_and_do_not_block_the_others(
    stack: Stack, queues: dict[str, str]
) -> None:
    """EventBridge names the target of a missed event in an attribute."""
    for function in ("gone", FUNCTIONS["cleanup"], None):
        arn = f"arn:aws:lambda:ap-northeast-1:000000000000:function:{function}"
        attributes = {"TARGET_ARN": {"DataType": "String", "StringValue": arn}} if function else {}
        stack.client("sqs").send_message(
            QueueUrl=queues["schedules-missed"], MessageBody='{"dryRun": true}', MessageAttributes=attributes
        )

    code, output = run("queues", "retry", "schedules-missed", "--yes")

    assert code == 1
    assert "does not name its target" in output
    assert "function gone: Lambda answered ResourceNotFoundException" in output
    assert "1 event sent again" in output
    assert len(json.loads(run("queues", "show", "schedules-missed", "--json")[1])["joytify-schedules-missed"]) == 2


def test_what_happened_is_shown_in_order(stack: Stack, queues: dict[str, str]) -> None:
    began = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    stack.client("lambda").invoke(FunctionName=FUNCTIONS["cleanup"], Payload=b'{"dryRun": true}')
    stack.client("lambda").invoke(FunctionName=FUNCTIONS["stats"], Payload=b'{"period": "2999-01"}')
    stack.client("sqs").send_message(
        QueueUrl=queues["cleanup-failed"], MessageBody=dead_letter_body({}, "it was frozen")
    )
    alarm = {"AlarmName": "joytify-cleanup-failed", "MetricName": "m", "Namespace": "n", "Period": 60, "Threshold": 1}
    more = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Sum"}
    cloudwatch = stack.client("cloudwatch")
    cloudwatch.put_metric_alarm(**alarm, **more)
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="a test")

    code, told = run("timeline", "--since", began)
    cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])

    assert code == 0
    lines = told.splitlines()
    assert [line for line in lines if "ran" in line and "cleanup" in line and "dryRun=True" in line], told
    assert [line for line in lines if "failed" in line and "stats" in line and "2999-01" in line], told
    assert [line for line in lines if "given up" in line and "it was frozen" in line], told
    assert [line for line in lines if "ALARM" in line and "joytify-cleanup-failed" in line], told
    assert [line[:14] for line in lines] == sorted(line[:14] for line in lines)
    assert "nothing has happened" in run("timeline", "--since", "2999-01-01T00:00Z")[1]


@pytest.mark.parametrize(("what", "check"), [("mongodb", "mongodb"), ("backend", "backend"), ("discord", "discord")])
def test_doctor_notices_what_stack_break_breaks(stack: Stack, what: str, check: str) -> None:
    httpx.put(stack.discord + "/mood", json={}).raise_for_status()
    assert run("stack", "break", what)[0] == 0
    try:
        found = parse_findings(run("doctor", "--json")[1])
    finally:
        assert run("stack", "mend", what)[0] == 0

    assert check in {each["check"] for each in found if each["status"] in {"wrong", "note"}}
    assert check not in wrong_checks(parse_findings(run("doctor", "--json")[1]))
