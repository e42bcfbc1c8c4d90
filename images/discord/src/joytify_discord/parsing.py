"""SNS record -> known message or Unknown; pure, and it never raises on odd input."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from joytify_common.masking import HIDDEN
from joytify_common.messages import MESSAGE_TYPES, Message, parse_message
from joytify_discord.notation import NOWHERE, Place, parse_time, place_of

# Of what a log subscription sends; a log event has 256 KiB at most.
MOST_UNPACKED = 1024 * 1024
# What JSON has under a key that names a secret (an approval's or a callback's token, a password), at any depth of
# JSON within JSON, whose quotes have backslashes before them; JSON that was cut off ends with the value.
SECRET_VALUE = re.compile(
    r"""(?<!\\)(?P<key>(?P<quote>\\{0,31}")[\w.-]{0,99}
        (?:token|password|secret|secret_?string|secret_?access_?key|authorization|api_?key)(?P=quote)\s{0,9}:\s{0,9})
    (?: (?P=quote)(?:(?!(?P=quote)).+?)(?:(?<!\\)(?P=quote)|\Z)    # a text
      | -?\d[\d.eE+-]{0,99}                                       # a number
      | \[[^\[\]{}]{1,9999}\] | \{[^\[\]{}]{1,9999}\} )           # a list or an object of such""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Origin:
    """Where a message comes from, according to its SNS envelope.

    Attributes:
        place: where the topic is.
        subject: subject of the SNS message; empty if there is none.
        message_id: SNS's id of the message; empty if unknown; a redelivered message has the same.
        sent_at: when it was published; None if unknown.
        attributes: the message's attributes that are text.
    """

    place: Place = NOWHERE
    subject: str = ""
    message_id: str = ""
    sent_at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A CloudWatch alarm that changed its state: metric, composite or anomaly band; what is odd in it counts as absent.

    Attributes:
        children: alarms that triggered a composite one.
        suppressed_by: what suppresses its actions; empty for nothing.
        contributor: which series of an alarm over several changed its state, by the series' attributes.
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
    """An EventBridge event, or a notification of AWS's developer tools, which is one in other words."""

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

# Kind of a message that is no alarm and no EventBridge event, by keys that it has.
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
        return list(_opened(_without_tokens(json.dumps(event)), Origin()))
    return [received for record in records for received in _parse_record(record)]


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
    """Return the alarm in one of the forms in which CloudWatch and tools around it send one; None if it is none."""
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
    """Return the alarm of a description of it, as tools send it that remind of what still burns."""
    words = {"NewStateValue": "StateValue", "NewStateReason": "StateReason", "StateChangeTime": "StateUpdatedTimestamp"}
    return _alarm({**value, **{key: value.get(other) for key, other in words.items()}, "Trigger": value})


def _direct_action(value: dict[str, Any]) -> EventBridgeEvent:
    """Return the event of an alarm that calls a function itself."""
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


def _parse_record(record: object) -> Iterator[Received]:
    envelope = record.get("Sns") if isinstance(record, dict) else None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("Message"), str):
        yield from _opened(_without_tokens(json.dumps({"Records": [record]})), Origin())
        return
    yield from _opened(_without_tokens(envelope["Message"]), _origin(envelope))


def _opened(text: str, origin: Origin) -> Iterator[Received]:
    """Yield what is in a message that only carries others: of SNS, SQS or CloudWatch Logs; else the message itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    inner = list(_carried(value)) if isinstance(value, dict) else []
    for number, each in enumerate(inner or [text]):
        # Each is posted once, though the envelope has one id.
        identity = f"{origin.message_id} {number}" if number and origin.message_id else origin.message_id
        yield Received(content=parse_text(each), origin=replace(origin, message_id=identity), text=each)


def _carried(value: dict[str, Any]) -> Iterator[str]:
    records = value.get("Records")
    for record in records if isinstance(records, list) else ():
        envelope = record.get("Sns", record) if isinstance(record, dict) else {}
        body = envelope.get("Message", envelope.get("body")) if isinstance(envelope, dict) else None
        if isinstance(body, str):
            yield _message_in(body)
    if value.get("Type") == "Notification" and isinstance(value.get("Message"), str) and "TopicArn" in value:
        yield value["Message"]
    packed = value["awslogs"].get("data") if isinstance(value.get("awslogs"), dict) else None
    logs = _unpacked(packed) if isinstance(packed, str) else value
    if isinstance(logs.get("logEvents"), list) and "logGroup" in logs:
        lines = [str(each.get("message", "")) for each in logs["logEvents"] if isinstance(each, dict)]
        yield "\n".join((f"Log of {logs['logGroup']}", *lines))


def _message_in(body: str) -> str:
    """Return the message of SNS in a body of SQS; another body as it is."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    message = value.get("Message") if isinstance(value, dict) and value.get("Type") == "Notification" else None
    return message if isinstance(message, str) else body


def _unpacked(data: str) -> dict[str, Any]:
    """Return what CloudWatch Logs has packed, as far as it is no larger than any message."""
    try:
        raw = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(base64.b64decode(data), MOST_UNPACKED)
        value = json.loads(raw)
    except (ValueError, zlib.error, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _without_tokens(text: str) -> str:
    """Return the text without the values of keys that name a secret, which would approve a deployment."""
    return SECRET_VALUE.sub(rf"\g<key>\g<quote>{HIDDEN}\g<quote>", text)


def _origin(envelope: dict[str, Any]) -> Origin:
    attributes = envelope.get("MessageAttributes")
    values = {
        name: str(attribute["Value"])
        for name, attribute in (attributes.items() if isinstance(attributes, dict) else ())
        if isinstance(attribute, dict) and attribute.get("Type") in {"String", "Number"} and "Value" in attribute
    }
    return Origin(
        place=place_of(str(envelope.get("TopicArn") or "")) or NOWHERE,
        subject=str(envelope.get("Subject") or ""),
        message_id=str(envelope.get("MessageId") or ""),
        sent_at=parse_time(str(envelope.get("Timestamp") or "")),
        attributes=values,
    )
