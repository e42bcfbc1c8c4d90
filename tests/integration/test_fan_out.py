"""The state machine, created in the local AWS from the repository's definition.

The local AWS runs the functions from the installed packages.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from bson import ObjectId
from cleanup_run import id_created_at
from pymongo import MongoClient
from state_machine import definition, execute, wait_for_end

from joytify_local.aws import ACCOUNT, FUNCTIONS, REGION
from joytify_local.stack import Stack, start_embedded

DATABASE, QUEUE = "joytify-fan-out", "joytify-cleanup-failed"
RECORDS = int(os.environ.get("FAN_OUT_RECORDS", "24000"))
# Enough retained plays for the run to stay below the deletion limit.
RETAINED = RECORDS // 6
TRANSACTION_SECONDS = 3
# A worker has 6 s and pauses after each 1,000 records, so it cannot delete a quarter of the records in one run.
SETTINGS = {
    "CLEANUP_TIMEOUT_SAFETY_MINUTES": os.environ.get("FAN_OUT_MINUTES", "0.1"),
    "CLEANUP_BATCH_SIZE": "1000",
    "CLEANUP_BATCH_DELAY_MS": os.environ.get("FAN_OUT_DELAY_MS", "1500"),
}

Document = dict[str, Any]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The whole local stack, started as processes on this computer."""
    started = start_embedded(DATABASE, environment=SETTINGS)
    try:
        with MongoClient[Document](started.mongodb) as client:
            # A worker that is killed leaves its transaction open, for a minute by default.
            client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=TRANSACTION_SECONDS)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def machine(stack: Stack) -> str:
    """The ARN of a new state machine."""
    queue = stack.client("sqs").create_queue(QueueName=QUEUE)["QueueUrl"]
    values = {
        "partition": "aws",
        "cleanup_arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTIONS['cleanup']}",
        "queue_url": queue,
        "workers": os.environ.get("FAN_OUT_WORKERS", "4"),
    }
    created = stack.client("stepfunctions").create_state_machine(
        name="joytify-cleanup-fan-out",
        definition=definition(values),
        roleArn=f"arn:aws:iam::{ACCOUNT}:role/joytify-cleanup-fan-out",
    )
    return str(created["stateMachineArn"])


@pytest.fixture
def plays(stack: Stack) -> Iterator[Any]:
    """An empty collection of plays."""
    with MongoClient[Document](stack.mongodb, tz_aware=True) as client:
        client.drop_database(DATABASE)
        yield client[DATABASE].playbacks


def played(moment: datetime) -> Document:
    return {"_id": id_created_at(moment), "user": ObjectId(), "createdAt": moment, "updatedAt": moment}


def fill(plays: Any, expired: int) -> None:
    """Insert expired and retained plays.

    The expired plays are dated in the hundred days before the cutoff, the retained plays in the last fifty days.
    """
    now = datetime.now(UTC)
    cutoff, retained_since = now - timedelta(days=60), now - timedelta(days=50)
    old = (played(cutoff - timedelta(days=100 * (n + 1) / expired, hours=1)) for n in range(expired))
    new = (played(retained_since + timedelta(days=50 * n / RETAINED)) for n in range(RETAINED))
    for documents in (old, new):
        while batch := [document for _, document in zip(range(20_000), documents, strict=False)]:
            plays.insert_many(batch, ordered=False)


def posts(stack: Stack, words: str = "Cleanup") -> list[Document]:
    """Wait until Discord has posts whose title contains the words, and return them."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        embeds = [embed for message in httpx.get(stack.discord + "/messages").json() for embed in message["embeds"]]
        if found := [embed for embed in embeds if words in embed["title"]]:
            return found
        time.sleep(0.2)
    return []


def fields(post: Document) -> dict[str, str]:
    return {field["name"]: field["value"] for field in post["fields"]}


def run(stack: Stack, machine: str, event: Document) -> Document:
    httpx.delete(stack.discord + "/messages")
    return execute(stack.client("stepfunctions"), machine, event)


def take_failed_events(stack: Stack) -> list[Document]:
    """Return what is in the queue of failed events, and empty it."""
    sqs = stack.client("sqs")
    queue = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    bodies = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return bodies


class Killer(Thread):
    """Kills one worker, a process of the local AWS, while several workers are running."""

    def __init__(self, aws: int, plays: Any) -> None:
        super().__init__()
        self._aws, self._plays, self.killed = aws, plays, 0

    def run(self) -> None:
        """Wait until several workers are running and a tenth of the records is deleted.

        Then kill the worker that started last.
        """
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            workers = [
                pid for pid in _children(self._aws) if FUNCTIONS["cleanup"] in _command(pid) and _is_working(pid)
            ]
            if len(workers) > 1 and self._plays.estimated_document_count() < RETAINED + 0.9 * RECORDS:
                os.kill(workers[-1], signal.SIGKILL)
                self.killed = workers[-1]
                return
            time.sleep(0.05)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in _text(task / "children").split()]


def _is_working(pid: int) -> bool:
    """Return whether a worker has a connection; while it still imports, its death would end all workers."""
    with suppress(OSError):
        return any(str(file.readlink()).startswith("socket:") for file in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _command(pid: int) -> str:
    return _text(Path(f"/proc/{pid}/cmdline"))


def _text(file: Path) -> str:
    """Return the text of a file in /proc; empty if the process or thread has ended."""
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_every_span_is_completed_and_one_summary_is_posted(stack: Stack, machine: str, plays: Any) -> None:
    """One of the workers is killed, and most of them run out of time."""
    fill(plays, RECORDS)
    old = datetime.now(UTC) - timedelta(days=100)
    # The document whose id is a text has expired too. Documents with an old `_id` but a recent date, and documents
    # whose date is a text, are kept.
    plays.insert_one({"_id": "text", "createdAt": old})
    plays.insert_many([played(old) | {"createdAt": datetime.now(UTC)} for _ in range(50)])
    plays.insert_many([played(old) | {"createdAt": "2020-01-01"} for _ in range(50)])
    killer = Killer(stack.pids[0], plays)
    killer.start()

    done = run(stack, machine, {"triggeredBy": "a test"})

    killer.join()
    assert done["status"] == "SUCCEEDED", (done["cause"], _failed_attempts(stack, done["executionArn"]))
    answer = json.loads(done["output"])
    fan_out = answer["fanOut"]
    assert killer.killed
    assert [cause for cause in _failed_attempts(stack, done["executionArn"]) if "Worker process died" in cause]
    assert plays.count_documents({}) == RETAINED + 100
    # The deletions of the killed worker are not counted.
    uncounted = RECORDS + 1 - answer["recordsDeleted"]
    assert 0 <= uncounted <= RECORDS / 8
    assert answer["recordsDeleted"] == fan_out["deleted"]["playbacks"]
    assert answer["remainingRecords"] == 0
    assert fan_out["rounds"] >= 2
    assert fan_out["spans"] > 4
    (post,) = posts(stack)
    assert post["title"] == f"✅ Cleanup: {answer['recordsDeleted']:,} records deleted"
    assert (
        f"in {fan_out['spans']} spans, planned in {fan_out['rounds']} rounds, up to {fan_out['workers']}"
        in fields(post)["Workers"]
    )
    assert take_failed_events(stack) == []


def _failed_attempts(stack: Stack, execution: str) -> list[str]:
    """Return the errors of the workers' attempts that failed."""
    states = stack.client("stepfunctions")
    maps = states.list_map_runs(executionArn=execution)["mapRuns"]
    workers = [
        worker["executionArn"]
        for each in maps
        for worker in states.list_executions(mapRunArn=each["mapRunArn"], maxResults=1000)["executions"]
    ]
    events = [event for each in workers for event in states.get_execution_history(executionArn=each)["events"]]
    return [event["taskFailedEventDetails"]["cause"] for event in events if event["type"] == "TaskFailed"]


def test_an_error_in_each_attempt_of_a_worker_fails_the_execution_and_is_reported_once(
    stack: Stack, machine: str, plays: Any
) -> None:
    fill(plays, 1000)
    functions = stack.client("lambda")
    before = functions.get_function_configuration(FunctionName=FUNCTIONS["cleanup"])["Environment"]["Variables"]
    missing = {**before, "CLEANUP_ARCHIVE_BUCKET": "there-is-none"}
    functions.update_function_configuration(FunctionName=FUNCTIONS["cleanup"], Environment={"Variables": missing})

    try:
        done = run(stack, machine, {"triggeredBy": "a test"})
    finally:
        functions.update_function_configuration(FunctionName=FUNCTIONS["cleanup"], Environment={"Variables": before})

    assert done["status"] == "FAILED"
    post = posts(stack)[0]
    assert post["title"] == "❌ Cleanup failed at fan-out"
    assert "The specified tolerated failure threshold was exceeded" in fields(post)["PermanentError"]
    assert "start the state machine again" in fields(post)["What next"]
    (event,) = take_failed_events(stack)
    assert event["requestPayload"] == {"triggeredBy": "a test"}
    assert event["execution"] == done["executionArn"]
    assert plays.count_documents({}) == 1000 + RETAINED


def test_a_bad_input_fails_immediately_with_the_key_named_and_stays_in_the_queue(stack: Stack, machine: str) -> None:
    event = {"collection": "users"}

    done = run(stack, machine, event)

    assert done["status"] == "FAILED"
    assert "collection: " in done["cause"]
    assert {post["title"] for post in posts(stack)} == {"❌ Cleanup failed at event"}
    (failed,) = take_failed_events(stack)
    assert failed["requestPayload"] == event


def test_the_deletion_limit_is_checked_for_the_whole_collection_before_any_worker_starts(
    stack: Stack, machine: str, plays: Any
) -> None:
    fill(plays, 2000)
    plays.delete_many({"createdAt": {"$gt": datetime.now(UTC) - timedelta(days=49.9)}})
    before = plays.count_documents({})

    done = run(stack, machine, {})

    assert done["status"] == "FAILED"
    assert "ignoreDeletionLimit" in done["cause"]
    assert plays.count_documents({}) == before
    assert take_failed_events(stack)

    assert run(stack, machine, {"ignoreDeletionLimit": True})["status"] == "SUCCEEDED"
    assert plays.count_documents({}) == before - 2000


def test_a_run_for_the_other_mode_and_a_dry_run_delete_nothing(stack: Stack, machine: str, plays: Any) -> None:
    fill(plays, 1000)

    skipped = run(stack, machine, {"scheduleMode": "test_auto"})
    tried = run(stack, machine, {"dryRun": True})

    assert (skipped["status"], tried["status"]) == ("SUCCEEDED", "SUCCEEDED")
    assert json.loads(skipped["output"])["skipped"] == "the schedule is for test_auto, but SCHEDULE_MODE is production"
    # The post of the previous test may still arrive.
    (post,) = posts(stack, "dry run")
    assert post["title"].endswith(" Cleanup: dry run, 1,000 records would be deleted")
    assert plays.count_documents({}) == 1000 + RETAINED


def test_two_executions_at_the_same_time_both_end_well(stack: Stack, machine: str, plays: Any) -> None:
    fill(plays, 4000)
    httpx.delete(stack.discord + "/messages")
    states = stack.client("stepfunctions")
    started = [states.start_execution(stateMachineArn=machine, input="{}")["executionArn"] for _ in range(2)]

    done = [wait_for_end(states, each) for each in started]

    assert [each["status"] for each in done] == ["SUCCEEDED"] * 2
    deleted = [json.loads(each["output"])["recordsDeleted"] for each in done]
    assert sum(deleted) == 4000
    assert plays.count_documents({}) == RETAINED
    limit = time.monotonic() + 30
    while len(titles := [post["title"] for post in posts(stack)]) < 2 and time.monotonic() < limit:
        time.sleep(0.2)
    assert len(titles) == 2


def test_each_step_keeps_the_mode_of_its_execution_even_if_the_secret_has_changed(stack: Stack, plays: Any) -> None:
    fill(plays, 1000)
    began = datetime.now(UTC)
    done = {"startedAt": began.isoformat(), "cutoff": (began - timedelta(days=60)).isoformat(), "testMode": True}
    whole = {"collection": "playbacks", "start": {"$minKey": 1}, "stop": {"$maxKey": 1}}
    event = {"worker": True, "todo": [whole], "done": done, "scheduleMode": "test_auto"}

    answer = stack.client("lambda").invoke(FunctionName=FUNCTIONS["cleanup"], Payload=json.dumps(event).encode())

    # The worker works on the test collections, which are empty.
    assert json.loads(answer["Payload"].read())["done"]["collections"]["playbacks"]["deleted"] == 0
    assert plays.count_documents({}) == 1000 + RETAINED
