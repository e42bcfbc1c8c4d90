"""SNS record -> known message or Unknown; pure, and it never raises on odd input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from joytify_common.messages import Message, parse_message

OWN_TYPES = {"monthly_stats_summary", "monthly_stats_error", "cleanup_summary", "cleanup_error"}


@dataclass(frozen=True)
class Origin:
    """Where a message comes from, as its SNS envelope tells.

    Attributes:
        partition: `aws`, `aws-cn` or `aws-us-gov`.
        region: AWS region of the topic, empty where unknown.
        subject: subject of the SNS message, empty where there is none.
        message_id: SNS's id of the message, empty where unknown.
    """

    partition: str = "aws"
    region: str = ""
    subject: str = ""
    message_id: str = ""


class Alarm(BaseModel):
    """A CloudWatch alarm that changed its state, as CloudWatch publishes it."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(alias="AlarmName")
    description: str | None = Field(None, alias="AlarmDescription")
    state: str = Field(alias="NewStateValue")
    old_state: str | None = Field(None, alias="OldStateValue")
    reason: str = Field("", alias="NewStateReason")
    changed_at: AwareDatetime | None = Field(None, alias="StateChangeTime")
    arn: str = Field("", alias="AlarmArn")


@dataclass(frozen=True)
class Unknown:
    """A message of a kind that is not known.

    Attributes:
        text: the message as it came.
        value: the JSON in it, None where there is none.
    """

    text: str
    value: Any = None


Parsed = Message | Alarm | Unknown


@dataclass(frozen=True)
class Received:
    """One record of an SNS event."""

    content: Parsed
    origin: Origin


def parse_event(event: Any) -> list[Received]:  # noqa: ANN401 - whatever JSON arrived
    """Return what each record of the event says, in order; an event that is no SNS event is one Unknown."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        return [Received(content=Unknown(text=json.dumps(event), value=event), origin=Origin())]
    return [_parse_record(record) for record in records]


def parse_text(text: str) -> Parsed:
    """Return what the text of a message says."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Unknown(text=text)
    if isinstance(value, dict):
        try:
            if value.get("type") in OWN_TYPES:
                return parse_message(text)
            if "AlarmName" in value and "NewStateValue" in value:
                return Alarm.model_validate(value)
        except (ValidationError, TypeError):
            return Unknown(text=text, value=value)
    return Unknown(text=text, value=value)


def _parse_record(record: Any) -> Received:  # noqa: ANN401 - whatever JSON arrived
    envelope = record.get("Sns") if isinstance(record, dict) else None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("Message"), str):
        return Received(content=Unknown(text=json.dumps(record), value=record), origin=Origin())
    return Received(content=parse_text(envelope["Message"]), origin=_origin(envelope))


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
