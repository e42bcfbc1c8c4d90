"""Extract messages from an SNS event and nested envelopes; pure, never raises on odd input."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from joytify_common.masking import HIDDEN
from joytify_discord.aws_notation import NOWHERE, json_in, parse_time, place_of
from joytify_discord.parsing import Origin, Received, parse_text

# Maximum size of unpacked data of a log subscription; larger data is not unpacked.
MAX_UNPACKED = 1024 * 1024
# A JSON list of at most this many objects is posted as one message per object; a longer list as one message.
MAX_LISTED = 10
# A query parameter that names a secret, as in the URL that confirms a subscription. JSON may write
# & as \u0026.
SECRET_PARAMETER = re.compile(
    r"(?P<key>(?:[?&#;]|\\u0026)[\w-]{0,60}(?:token|sig|signature|password|pwd|secret|auth|jwt|(?:api|access)_?key(?:id)?)=)"
    r"(?:[^&\s\"'<>\\]|\\u00(?!26)[0-9a-f]{2}|\\/)+",
    re.IGNORECASE,
)
# A JSON value under a key that names a secret, such as an approval token, a callback token or a
# password. The JSON may be a text inside other JSON, where its quotes are escaped, and it may end in the middle of the
# value.
SECRET_VALUE = re.compile(
    r"""(?<!\\)(?P<key>(?P<quote>\\{0,31}")[\w.-]{0,99}
        (?:token|password|secret|secret_?string|secret_?access_?key|authorization|api_?key)(?P=quote)\s*+:\s*+)
    (?: (?P=quote)(?:(?!(?P=quote)).+?)(?:(?<!\\)(?P=quote)|\Z)    # a text
      | -?\d[\d.eE+-]{0,99}                                       # a number
      | \[[^\[\]{}]{1,9999}\] | \{[^\[\]{}]{1,9999}\} )           # a list or an object without another in it""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def parse_event(event: object) -> list[Received]:
    """Return the messages of an SNS event; an event without records is treated as one message."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        return list(_opened(json.dumps(event), Origin()))
    return [received for record in records for received in _parse_record(record)]


def _parse_record(record: object) -> Iterator[Received]:
    envelope = record.get("Sns") if isinstance(record, dict) else None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("Message"), str):
        yield from _opened(json.dumps({"Records": [record]}), Origin())
        return
    yield from _opened(envelope["Message"], _origin(envelope))


def _opened(text: str, origin: Origin) -> Iterator[Received]:
    """If the text is an SNS, SQS or CloudWatch Logs envelope or a short list, yield the messages in it.

    Otherwise yield the text as one message.
    """
    for number, each in enumerate(_messages_in(text)):
        # Messages of one envelope need different ids, since each is posted.
        identity = f"{origin.message_id} {number}" if number and origin.message_id else origin.message_id
        # Masked here, where each message is unpacked: a packed or escaped secret cannot be found before.
        shown = without_tokens(each)
        yield Received(content=parse_text(shown), origin=replace(origin, message_id=identity), text=shown)


def _messages_in(text: str) -> list[str]:
    value = json_in(text)
    return list(_messages_in_envelope(value) if isinstance(value, dict) else _listed(value)) or [text]


def _listed(value: object) -> Iterator[str]:
    """Yield the messages in a short list of objects, such as a list from EventBridge Pipes."""
    if isinstance(value, list) and len(value) <= MAX_LISTED and all(isinstance(each, dict) for each in value):
        for each in value:
            yield from list(_messages_in_envelope({"Records": [each]})) or [json.dumps(each)]


def _messages_in_envelope(value: dict[str, Any]) -> Iterator[str]:
    records = value.get("Records")
    for record in records if isinstance(records, list) else ():
        envelope = record.get("Sns", record) if isinstance(record, dict) else {}
        body = envelope.get("Message", envelope.get("body")) if isinstance(envelope, dict) else None
        if isinstance(body, str):
            yield from _messages_in(body)
    if value.get("Type") == "Notification" and isinstance(value.get("Message"), str) and "TopicArn" in value:
        yield value["Message"]
    packed = value["awslogs"].get("data") if isinstance(value.get("awslogs"), dict) else None
    logs = _unpacked(packed) if isinstance(packed, str) else value
    if isinstance(logs.get("logEvents"), list) and "logGroup" in logs:
        lines = [str(each.get("message", "")) for each in logs["logEvents"] if isinstance(each, dict)]
        yield "\n".join((f"Log of {logs['logGroup']}", *lines))


def _unpacked(data: str) -> dict[str, Any]:
    """Return the unpacked data of CloudWatch Logs; empty if it is invalid or too large."""
    try:
        raw = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(base64.b64decode(data), MAX_UNPACKED)
    except (ValueError, zlib.error):
        return {}
    value = json_in(raw.decode(errors="replace"))
    return value if isinstance(value, dict) else {}


def without_tokens(text: str) -> str:
    """Return the text without the values of keys and parameters that name a secret, such as an approval's token."""
    without_values = SECRET_VALUE.sub(rf"\g<key>\g<quote>{HIDDEN}\g<quote>", text)
    return SECRET_PARAMETER.sub(rf"\g<key>{HIDDEN}", without_values)


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
