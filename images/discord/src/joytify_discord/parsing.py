"""SNS record -> known message or Unknown; pure, and it never raises on odd input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from joytify_common.messages import MESSAGE_TYPES, Message, parse_message


@dataclass(frozen=True)
class Origin:
    """Where a message comes from, according to its SNS envelope.

    Attributes:
        partition: `aws`, `aws-cn` or `aws-us-gov`.
        region: AWS region of the topic; empty if unknown.
        subject: subject of the SNS message; empty if there is none.
        message_id: SNS's id of the message; empty if unknown; a redelivered message has the same.
    """

    partition: str = "aws"
    region: str = ""
    subject: str = ""
    message_id: str = ""


class Alarm(BaseModel):
    """A CloudWatch alarm that changed its state, as CloudWatch publishes it: metric, composite or anomaly band."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(alias="AlarmName")
    description: str | None = Field(None, alias="AlarmDescription")
    state: str = Field(alias="NewStateValue")
    old_state: str | None = Field(None, alias="OldStateValue")
    reason: str = Field("", alias="NewStateReason")
    changed_at: AwareDatetime | None = Field(None, alias="StateChangeTime")
    arn: str = Field("", alias="AlarmArn")
    rule: str | None = Field(None, alias="AlarmRule")
    trigger: dict[str, Any] = Field({}, alias="Trigger")


class EventBridgeEvent(BaseModel):
    """An EventBridge event: what an AWS service says of itself."""

    model_config = ConfigDict(frozen=True)

    kind: str = Field(alias="detail-type")
    source: str
    detail: dict[str, Any]
    at: AwareDatetime | None = Field(None, alias="time")
    region: str = ""
    account: str = ""
    resources: list[str] = []


@dataclass(frozen=True)
class SnsJson:
    """A JSON message whose shape is known, by its kind.

    Attributes:
        kind: one of SHAPES.
        value: the message.
    """

    kind: str
    value: dict[str, Any]


@dataclass(frozen=True)
class Unknown:
    """A message of a kind that is not known.

    Attributes:
        text: the message as it came.
        value: the JSON in it, or None.
    """

    text: str
    value: Any = None


Parsed = Message | Alarm | EventBridgeEvent | SnsJson | Unknown

# Kind of a message that is no alarm and no EventBridge event, by the keys that only it has.
SHAPES = {
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    "destination": {"requestContext", "requestPayload"},
    # https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    "custom": {"version", "source", "content"},
    # https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html
    "cost anomaly": {"anomalyId", "impact"},
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html
    "auto scaling": {"AutoScalingGroupName", "Event"},
}


@dataclass(frozen=True)
class Received:
    """One record of an SNS event.

    Attributes:
        content: what it says.
        origin: where it comes from.
        text: the message as it came.
    """

    content: Parsed
    origin: Origin
    text: str = ""


def parse_event(event: object) -> list[Received]:
    """Return what each record of the event says, in order; an event that is no SNS event is itself the message."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        return [_unknown(event)]
    return [_parse_record(record) for record in records]


def parse_text(text: str) -> Parsed:
    """Return what the text of a message says."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Unknown(text=text)
    if isinstance(value, dict):
        try:
            return _known(text, value) or Unknown(text=text, value=value)
        except (ValidationError, TypeError):
            return Unknown(text=text, value=value)
    return Unknown(text=text, value=value)


def _known(text: str, value: dict[str, Any]) -> Parsed | None:
    if value.get("type") in MESSAGE_TYPES:
        return parse_message(text)
    if "AlarmName" in value and "NewStateValue" in value:
        return Alarm.model_validate(value)
    if "detail-type" in value and "detail" in value:
        return EventBridgeEvent.model_validate(value)
    return next((SnsJson(kind, value) for kind, keys in SHAPES.items() if keys <= value.keys()), None)


def _parse_record(record: object) -> Received:
    envelope = record.get("Sns") if isinstance(record, dict) else None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("Message"), str):
        return _unknown(record)
    text = envelope["Message"]
    return Received(content=parse_text(text), origin=_origin(envelope), text=text)


def _unknown(value: object) -> Received:
    text = json.dumps(value)
    return Received(content=parse_text(text), origin=Origin(), text=text)


def _origin(envelope: dict[str, Any]) -> Origin:
    def text(key: str) -> str:
        return str(envelope.get(key) or "")

    arn = text("TopicArn").split(":")
    known = len(arn) == 6 and arn[0] == "arn"  # noqa: PLR2004 - arn:partition:service:region:account:name
    return Origin(
        partition=arn[1] if known else "aws",
        region=arn[3] if known else "",
        subject=text("Subject"),
        message_id=text("MessageId"),
    )
