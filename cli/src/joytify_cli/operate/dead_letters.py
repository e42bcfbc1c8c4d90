"""Gateway: reads the dead-letter queues and deletes from them (SQS)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from joytify_cli.target import Target
from joytify_common.aws import aws_errors

# Events that are being read are hidden from other readers for at most this long.
HIDDEN_SECONDS = 600
NOT_FOUND = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A failed event in a dead-letter queue.

    Attributes:
        receipt: receipt handle, by which SQS deletes the message.
        sent: when the message was sent to the queue.
        event: the event to send again; None if it cannot be read.
        arn: ARN of the function or state machine that the event is for; empty if the queue's name determines the
            function.
        error: why the event failed; empty if unknown.
        request: id of the failed request, or ARN of the failed execution; empty if unknown.
    """

    receipt: str
    sent: datetime
    event: Mapping[str, Any] | None
    arn: str = ""
    error: str = ""
    request: str = ""


def find_queues(target: Target) -> dict[str, str]:
    """Return the URL of each existing queue of the pipeline, by name.

    Raises:
        ConfigError: access is denied.
        TransientError: SQS could not be reached.
    """
    with aws_errors("queues", "SQS"):
        pages = target.client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=f"{target.names.prefix}-")
        urls = {url.rpartition("/")[2]: str(url) for page in pages for url in page.get("QueueUrls", [])}
    # The prefix of prod also matches the names of the other environments.
    return {name: urls[name] for name in sorted(target.names.queues & urls.keys())}


def find_queue(target: Target, wanted: str) -> tuple[str, str]:
    """Return the name and URL of a queue, given its name with or without the prefix.

    Raises:
        UsageError: there is no such queue.
    """
    queues = find_queues(target)
    name = target.find("queue", wanted, queues)
    return name, queues[name]


def count(target: Target, url: str) -> int:
    """Return the approximate number of messages in a queue."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    with aws_errors("queues", "SQS", not_found=NOT_FOUND):
        counts = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def read(target: Target, url: str) -> Iterator[DeadLetter]:
    """Yield the events in a queue without removing them."""
    client = target.client("sqs")
    receipts, seen = list[str](), set[str]()
    try:
        while True:
            with aws_errors("queues", "SQS", not_found=NOT_FOUND):
                answer = client.receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=HIDDEN_SECONDS,
                    # Long polling, since a short poll asks only some of SQS' servers.
                    WaitTimeSeconds=1,
                    AttributeNames=["SentTimestamp"],
                    MessageAttributeNames=["All"],
                )
            messages = answer.get("Messages", [])
            receipts += [message["ReceiptHandle"] for message in messages]
            # Messages that have been hidden for HIDDEN_SECONDS are received again.
            if not (new := [message for message in messages if message["MessageId"] not in seen]):
                return
            seen |= {message["MessageId"] for message in new}
            yield from map(_dead_letter, new)
    finally:
        for receipt in receipts:
            # A message that has been deleted in the meantime has no visibility to change.
            with suppress(ClientError):
                client.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=0)


def delete(target: Target, url: str, letter: DeadLetter) -> None:
    """Delete one event from its queue."""
    with aws_errors("queues", "SQS", not_found=NOT_FOUND):
        target.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=letter.receipt)


def purge(target: Target, url: str) -> None:
    """Delete all events from a queue."""
    with aws_errors("queues", "SQS", not_found=NOT_FOUND):
        target.client("sqs").purge_queue(QueueUrl=url)


def _dead_letter(message: Mapping[str, Any]) -> DeadLetter:
    sent = datetime.fromtimestamp(int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000, UTC)
    attributes = {name: str(each.get("StringValue", "")) for name, each in message.get("MessageAttributes", {}).items()}
    try:
        body = json.loads(message["Body"])
    except ValueError:
        body = None
    fields = _fields(body, attributes) if isinstance(body, dict) else {"event": None}
    return DeadLetter(receipt=str(message["ReceiptHandle"]), sent=sent, **fields)


def _fields(body: dict[str, Any], attributes: Mapping[str, str]) -> dict[str, Any]:
    # Lambda's format for failed events, which the state machine uses, too:
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    if "requestPayload" in body:
        event, answer, context = body["requestPayload"], body.get("responsePayload"), body.get("requestContext", {})
        execution = str(body.get("execution", ""))
        return {
            "event": event if isinstance(event, dict) else None,
            "arn": execution.replace(":execution:", ":stateMachine:").rpartition(":")[0],
            "error": _error(answer) or str(context.get("condition", "")),
            "request": str(context.get("requestId", execution)),
        }
    # A notification that SNS could not deliver is queued in SNS' own envelope.
    if body.get("Type") == "Notification" and "Message" in body:
        return {"event": {"Records": [{"EventSource": "aws:sns", "Sns": body}]}, "error": "SNS could not deliver it"}
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    error = ": ".join(filter(None, (attributes.get("ERROR_CODE"), attributes.get("ERROR_MESSAGE"))))
    return {"event": body, "arn": attributes.get("TARGET_ARN", ""), "error": error}


def _error(answer: object) -> str:
    """Return the error in a function's response, or in a failure reported by Step Functions."""
    if not isinstance(answer, dict):
        return ""
    failure = answer.get("failure", answer)
    fields = failure if isinstance(failure, dict) else {}
    return str(fields.get("errorMessage") or fields.get("Cause") or fields.get("Error") or "")
