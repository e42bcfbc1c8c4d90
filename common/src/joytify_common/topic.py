"""Gateway: publish a message to the SNS topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joytify_common.aws import aws_errors, quick_attempts
from joytify_common.messages import Message

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


def publish(client: SNSClient, topic: str, message: Message, seconds: float) -> None:
    """Publish one message to the topic with this ARN.

    If a response is lost, the message may be published twice; the discord function recognizes the duplicate by its
    text.

    Args:
        client: boto3's client for SNS.
        topic: ARN of the topic.
        message: the message to publish.
        seconds: no retry is scheduled after this many seconds; a retry whose wait has begun is still made.

    Raises:
        ConfigError: the topic does not exist, or publishing is not permitted.
        TransientError: SNS refused the message or could not be reached.
    """
    for attempt in quick_attempts(seconds, is_repeatable=True):
        with attempt, aws_errors("SNS_TOPIC_ARN", "SNS", not_found={"NotFound"}):
            client.publish(
                TopicArn=topic,
                Subject=f"{message.source}: {message.type}",
                Message=message.model_dump_json(),
                MessageAttributes={"type": {"DataType": "String", "StringValue": message.type}},
            )
