"""Cleanup divided among workers, deployed by Terraform; runs last, since its failures stay in the logs."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from cleanup_run import id_created_at
from pymongo import MongoClient
from state_machine import execute

from joytify_cli.prove.deployment import DATABASE, Deployment

# Deploying, which the first test waits for, takes minutes.
pytestmark = [pytest.mark.xdist_group("deployment"), pytest.mark.timeout(1800)]


def test_the_state_machine_deletes_what_has_expired_and_posts_one_message(deployment: Deployment) -> None:
    """The functions run from their images; the definition is the committed template, filled in by Terraform."""
    moment = datetime.now(UTC) - timedelta(days=100)
    with MongoClient[dict[str, Any]](deployment.stack.mongodb) as client:
        plays = client[DATABASE].playbacks
        before = plays.count_documents({})
        # At most a twentieth of the collection, which is below the deletion limit.
        plays.insert_many({"_id": id_created_at(moment), "createdAt": moment} for _ in range(500))
        posted = _posts(deployment)

        done = _execute(deployment, {"triggeredBy": "a test"})

        assert done["status"] == "SUCCEEDED", done
        assert json.loads(done["output"])["fanOut"]["deleted"]["playbacks"] == 500
        assert plays.count_documents({}) == before
    assert _new_posts(deployment, posted) == ["✅ Cleanup: 500 records deleted"]


def test_a_failed_step_is_reported_once_and_the_input_is_kept(deployment: Deployment) -> None:
    """The runtime emulator returns the error's type, so the state machine does not retry a permanent error."""
    event = {"dryrun": True}
    posted = _posts(deployment)

    done = _execute(deployment, event)

    assert (done["status"], done["error"]) == ("FAILED", "ConfigError")
    assert "dryrun: unknown key; did you mean dryRun?" in done["cause"]
    assert _new_posts(deployment, posted) == ["❌ Cleanup failed at event"]
    queue, sqs = deployment.root.output("queues")["cleanup-failed"], deployment.stack.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["requestPayload"] == event
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def _execute(deployment: Deployment, event: dict[str, Any]) -> dict[str, Any]:
    return execute(deployment.stack.client("stepfunctions"), deployment.root.output("state_machine_arn"), event)


def _posts(deployment: Deployment) -> list[str]:
    """Return the titles of what was posted about cleanup."""
    messages = httpx.get(deployment.stack.discord + "/messages").json()
    return [embed["title"] for message in messages for embed in message["embeds"] if "Cleanup" in embed["title"]]


def _new_posts(deployment: Deployment, before: list[str]) -> list[str]:
    limit = time.monotonic() + 30
    while len(found := _posts(deployment)) <= len(before) and time.monotonic() < limit:
        time.sleep(0.2)
    return found[len(before) :]
