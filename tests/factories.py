"""Builds contexts, SNS events and alarms with sensible values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from pydantic import SecretStr

from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.report import CleanupReport
from joytify_common.job import Job, Run
from joytify_common.messages import (
    CommonData,
    parse_message,
)
from joytify_common.outcome import Completed, Metadata
from joytify_common.secrets import Secret
from joytify_common.topic import publish

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
TOPIC_ARN = "arn:aws:sns:ap-northeast-1:123456789012:joytify-lambda-notifications"
STATS, CLEANUP = "joytify-monthly-stats-notification", "joytify-playback-data-cleanup"


@dataclass
class FakeContext:
    """Lambda's context with as much time as the test gives it."""

    function_name: str = CLEANUP
    aws_request_id: str = "8f5c2b1e-0000-4000-8000-000000000001"
    log_stream_name: str = "2026/11/01/[$LATEST]0123456789abcdef"
    milliseconds: int = 900_000

    def get_remaining_time_in_millis(self) -> int:
        """Return the time that the test gave."""
        return self.milliseconds


@dataclass
class FakeSNS:
    """Keeps what is published; fails where the test says so."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None

    def publish(self, **request: Any) -> None:
        """Keep the request."""
        if self.error is not None:
            raise self.error
        self.sent.append(request)

    def messages(self) -> list[Any]:
        """Return what was published, parsed."""
        return [parse_message(request["Message"]) for request in self.sent]


def use_case(_event: CleanupEvent, _run: Run) -> Completed[CleanupReport]:
    """Do nothing and succeed."""
    return Completed(CleanupReport())


def job(sns: FakeSNS, run: Any = use_case, *, mode: str = "production") -> Job[CleanupEvent, CleanupReport]:
    """Return a cleanup job with this use case, in this SCHEDULE_MODE."""
    return Job(
        event_type=CleanupEvent,
        use_case=run,
        empty_report=CleanupReport(),
        services=lambda _: {},
        secret=lambda: Secret(name="NAME", values={"SCHEDULE_MODE": SecretStr(mode)}),
        publish=lambda message, seconds: publish(cast("SNSClient", sns), "arn", message, seconds),
    )


def common(**changes: Any) -> dict[str, Any]:
    """Return the data that every message has."""
    data = {
        "timestamp": NOW,
        "execution_time_ms": 61_234,
        "test_mode": False,
        "request_id": "8f5c2b1e-0000-4000-8000-000000000001",
        "log_stream": "2026/11/01/[$LATEST]0123456789abcdef",
    }
    return {**data, **changes}


def metadata(**changes: Any) -> Metadata:
    """Return what every message about a run says."""
    return Metadata(CLEANUP, CommonData(**common(**changes)))


def sns_event(*messages: str, subject: str | None = None) -> dict[str, Any]:
    """Return the event with which SNS calls a function."""
    return {"Records": [_record(number, text, subject) for number, text in enumerate(messages)]}


def _record(number: int, text: str, subject: str | None) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": f"00000000-0000-4000-8000-{number:012}",
        "TopicArn": TOPIC_ARN,
        "Subject": subject,
        "Message": text,
        "Timestamp": "2026-11-01T02:00:00.000Z",
        "SignatureVersion": "1",
        "MessageAttributes": {},
    }
    subscription = f"{TOPIC_ARN}:00000000-0000-4000-8000-00000000abcd"
    return {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription, "Sns": envelope}


def alarm_text(**changes: Any) -> str:
    """Return the text of a CloudWatch alarm, in the documented shape."""
    alarm = {
        "AlarmName": "joytify-playback-data-cleanup-errors",
        "AlarmDescription": "The cleanup failed: see its log.",
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: 1 datapoint [1.0] was greater than the threshold (0.0).",
        "StateChangeTime": "2026-11-01T04:05:00.000+0000",
        "Region": "Asia Pacific (Tokyo)",
        "AlarmArn": "arn:aws:cloudwatch:ap-northeast-1:123456789012:alarm:joytify-playback-data-cleanup-errors",
        "OldStateValue": "OK",
        "OKActions": [TOPIC_ARN],
        "AlarmActions": [TOPIC_ARN],
        "Trigger": {"MetricName": "Errors", "Namespace": "AWS/Lambda", "Statistic": "SUM", "Threshold": 0.0},
    }
    return json.dumps({**alarm, **changes})
