"""Gateway: publish a message to the SNS topic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from joytify_common.errors import TransientError
from joytify_common.secrets import AWS_CONFIG

if TYPE_CHECKING:
    from joytify_common.messages import Message


@cache
def sns_client() -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return the container's one client of SNS."""
    return boto3.client("sns", config=AWS_CONFIG)


@dataclass(frozen=True)
class Topic:
    """The topic that the operators' messages go to."""

    client: Any
    arn: str

    def publish(self, message: Message) -> None:
        """Publish one message.

        Raises:
            TransientError: SNS refused it or could not be reached.
        """
        try:
            self.client.publish(
                TopicArn=self.arn,
                # People subscribe by mail too; a subject has at most 100 ASCII characters.
                Subject=f"{message.source}: {message.type}"[:100],
                Message=message.to_json(),
                MessageAttributes={"type": {"DataType": "String", "StringValue": message.type}},
            )
        except ClientError as exc:
            raise TransientError(f"SNS_TOPIC_ARN: SNS answered {exc.response['Error']['Code']}") from None
        except BotoCoreError as exc:
            raise TransientError(f"SNS_TOPIC_ARN: SNS could not be reached ({type(exc).__name__})") from None
