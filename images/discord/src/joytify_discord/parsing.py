"""Parse the text of a message into a known kind or Unknown; pure, never raises on odd input."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from joytify_common.messages import MESSAGE_TYPES, Message, parse_message
from joytify_discord.aws_notation import NOWHERE, Place, parse_time


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


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A CloudWatch alarm (metric, composite or anomaly band) that changed state.

    Odd values are treated as absent.

    Attributes:
        children: alarms that triggered a composite alarm.
        suppressed_by: name of the alarm or mute rule that suppresses its actions, or empty.
        contributor: attributes of the time series that changed state, if the alarm covers several.
    """

    name: str
    state: str
    description: str = ""
    old_state: str = ""
    reason: str = ""
    changed_at: datetime | None = None
    arn: str = ""
    account: str = ""
    region: str = ""
    rule: str = ""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    children: Sequence[Any] = ()
    suppressed_by: str = ""
    contributor: Mapping[str, str] = field(default_factory=dict)


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
class SnsJson:
    """A JSON message of a known kind.

    Attributes:
        kind: key of SHAPES.
        value: the message.
    """

    kind: str
    value: dict[str, Any]


@dataclass(frozen=True)
class Unknown:
    """A message of an unknown kind.

    Attributes:
        text: the message as received.
        value: the JSON in it, or None.
    """

    text: str
    value: Any = None


Parsed = Message | Alarm | EventBridgeEvent | SnsJson | Unknown

# Keys that identify the kinds of messages other than alarms and EventBridge events.
SHAPES = {
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    "destination": {"requestContext", "requestPayload"},
    # https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    "custom": {"version", "source", "content"},
    # https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html
    "cost anomaly": {"anomalyId", "impact"},
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html
    "auto scaling": {"AutoScalingGroupName", "Event"},
    # https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html
    "code deploy": {"deploymentId", "eventTriggerName", "status"},
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html
    "approval": {"approval", "consoleLink"},
    # https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
    "ses notification": {"notificationType", "mail"},
    "ses event": {"eventType", "mail"},
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    "s3": {"Records"},
    # RDS, DMS and Redshift: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
    "database": {"Event Source", "Event Message"},
}


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
    text: str = ""


def parse_text(text: str) -> Parsed:
    """Return the parsed message; Unknown if its kind is not known."""
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
    if (alarm := _any_alarm(value)) is not None:
        return alarm
    # https://docs.aws.amazon.com/dtconsole/latest/userguide/notifications.html
    kind = _text(value, "detail-type") or _text(value, "detailType")
    if kind and isinstance(value.get("detail"), dict):
        return _event(kind, value)
    if "Records" in value and not _is_of_s3(value["Records"]):
        return None
    return next((SnsJson(kind, value) for kind, keys in SHAPES.items() if keys <= value.keys()), None)


def _any_alarm(value: dict[str, Any]) -> Alarm | EventBridgeEvent | None:
    """Return the alarm in any form that CloudWatch or related tools send, or None."""
    if isinstance(value.get("AlarmName"), str):
        forms = {"NewStateValue": _alarm, "StateValue": _reminder}
        return next((form(value) for key, form in forms.items() if isinstance(value.get(key), str)), None)
    is_direct = isinstance(value.get("alarmData"), dict) and "alarmArn" in value
    return _direct_action(value) if is_direct else None


def _alarm(value: dict[str, Any]) -> Alarm:
    trigger, children = value.get("Trigger"), value.get("TriggeringChildren")
    return Alarm(
        name=_text(value, "AlarmName"),
        state=_text(value, "NewStateValue"),
        description=_text(value, "AlarmDescription"),
        old_state=_text(value, "OldStateValue"),
        reason=_text(value, "NewStateReason"),
        changed_at=parse_time(_text(value, "StateChangeTime")),
        arn=_text(value, "AlarmArn"),
        account=_text(value, "AWSAccountId"),
        rule=_text(value, "AlarmRule"),
        trigger=trigger if isinstance(trigger, dict) else {},
        children=children if isinstance(children, list) else (),
        suppressed_by=_text(value, "ActionsSuppressedBy"),
        contributor=_texts(value.get("AlarmContributorAttributes")),
    )


def _reminder(value: dict[str, Any]) -> Alarm:
    """Return the alarm from DescribeAlarms output, which tools send as a reminder of an alarm."""
    words = {"NewStateValue": "StateValue", "NewStateReason": "StateReason", "StateChangeTime": "StateUpdatedTimestamp"}
    return _alarm({**value, **{key: value.get(other) for key, other in words.items()}, "Trigger": value})


def _direct_action(value: dict[str, Any]) -> EventBridgeEvent:
    """Return the event of an alarm whose action invokes a function directly."""
    arn = _text(value, "alarmArn")
    return EventBridgeEvent(
        kind="CloudWatch Alarm State Change",
        source=_text(value, "source"),
        detail=value["alarmData"],
        at=parse_time(_text(value, "time")),
        region=_text(value, "region"),
        account=_text(value, "accountId"),
        resources=[arn] if arn else (),
    )


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


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


def _is_of_s3(records: object) -> bool:
    return isinstance(records, list) and bool(records) and all(isinstance(r, dict) and "s3" in r for r in records)
