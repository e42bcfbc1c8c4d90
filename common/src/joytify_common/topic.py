"""Gateway: publish a message to the SNS topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from joytify_common.aws import aws_errors, quick_attempts
from joytify_common.messages import Message

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# Email subscribers see a subject, which SNS limits:
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_CHARACTERS = 100


@dataclass(frozen=True)
class Topic:
    """The SNS topic for messages to operators."""

    client: SNSClient
    arn: str

    def publish(self, message: Message, seconds: float) -> None:
        """Publish one message.

        If a response is lost, the message may be published twice; the discord function recognizes the duplicate by its
        text.

        Args:
            message: the message to publish.
            seconds: no retry is scheduled after this many seconds; a retry whose wait has begun is still made.

        Raises:
            ConfigError: the topic does not exist, or publishing is not permitted.
            TransientError: SNS refused the message or could not be reached.
        """
        for attempt in quick_attempts(seconds, is_repeatable=True):
            with attempt, aws_errors("SNS_TOPIC_ARN", "SNS", not_found={"NotFound"}):
                self.client.publish(
                    TopicArn=self.arn,
                    Subject=f"{message.source}: {message.type}"[:SUBJECT_CHARACTERS],
                    Message=message.to_json(),
                    MessageAttributes={"type": {"DataType": "String", "StringValue": message.type}},
                )
