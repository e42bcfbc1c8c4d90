"""Parse the text of a message into a known kind or Unknown; pure, never raises on odd input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from joytify_common.messages import MESSAGE_TYPES, Message, parse_message
from joytify_discord.aws_notation import NOWHERE, Place, json_in, parse_time


@dataclass(frozen=True)
class Origin:
    """Where a message comes from, according to its SNS envelope.

    Attributes:
        place: where the topic is.
        subject: subject of the SNS message; empty if there is none.
        message_id: SNS's id of the message, which a redelivery repeats; empty if unknown.
        sent_at: when it was published; None if unknown.
        attributes: message attributes of type String or Number, as text.
    """

    place: Place = NOWHERE
    subject: str = ""
    message_id: str = ""
    sent_at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alarm:
    """A CloudWatch alarm, as published by CloudWatch or as returned by DescribeAlarms.

    Some tools send the output of DescribeAlarms.
    """

    value: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class EventBridgeEvent:
    """An EventBridge event, or the equivalent notification of AWS's developer tools."""

    kind: str
    source: str
    detail: Mapping[str, Any]
    identity: str = ""
    at: datetime | None = None
    region: str = ""
    account: str = ""
    resources: Sequence[str] = ()


@dataclass(frozen=True)
class Unknown:
    """Any other message.

    Attributes:
        value: the JSON in it; None for a text.
    """

    value: Any = None


Parsed = Message | Alarm | EventBridgeEvent | Unknown


@dataclass(frozen=True)
class Received:
    """One message from a record of an SNS event.

    Attributes:
        content: the parsed message.
        origin: where the message comes from.
        text: the message, without its envelopes and with secrets masked.
    """

    content: Parsed
    origin: Origin
    text: str


def parse_text(text: str) -> Parsed:
    """Return the parsed message; Unknown if its kind is not known."""
    value = json_in(text)
    try:
        return _known(text, value) if isinstance(value, dict) else Unknown(value)
    except (ValidationError, TypeError):
        return Unknown(value)


def _known(text: str, value: dict[str, Any]) -> Parsed:
    if value.get("type") in MESSAGE_TYPES:
        return parse_message(text)
    # DescribeAlarms calls the state StateValue.
    states = (value.get("NewStateValue"), value.get("StateValue"))
    if isinstance(value.get("AlarmName"), str) and any(isinstance(state, str) for state in states):
        return Alarm(value)
    # An alarm whose action invokes a function directly.
    if isinstance(value.get("alarmData"), dict) and "alarmArn" in value:
        envelope = {"resources": [value["alarmArn"]], "account": value.get("accountId"), "id": ""}
        return _event("CloudWatch Alarm State Change", {**value, "detail": value["alarmData"], **envelope})
    # https://docs.aws.amazon.com/dtconsole/latest/userguide/notifications.html
    kind = _text(value, "detail-type") or _text(value, "detailType")
    if kind and isinstance(value.get("detail"), dict):
        return _event(kind, value)
    return Unknown(value)


def _event(kind: str, value: dict[str, Any]) -> EventBridgeEvent:
    more, resources = value.get("additionalAttributes"), value.get("resources")
    return EventBridgeEvent(
        kind=kind,
        source=_text(value, "source"),
        identity=_text(value, "id"),
        detail={**value["detail"], **({"additionalAttributes": more} if isinstance(more, dict) else {})},
        at=parse_time(_text(value, "time")),
        region=_text(value, "region"),
        account=_text(value, "account"),
        resources=[each for each in resources if isinstance(each, str)] if isinstance(resources, list) else (),
    )


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else ""
