"""How AWS writes places, resources and times."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)")
MAIL_TIME = re.compile(r"(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:GMT|UTC|[+-]\d{4})")
ARN_IN_TEXT = re.compile(r"arn:aws[\w-]*:[^\s\"'\\(),;]+")
# arn:partition:service:region:account:resource
ARN = re.compile(r"arn:[\w-]+:[\w-]+:([\w-]*):(\d*):(.+)", re.DOTALL)
PLACED_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:([a-z]{2}(?:-[a-z]+)+-\d):(\d{12}):")
# Keys to read from an error that is JSON text, in this order.
ERROR_KEYS = (
    "errorType",
    "code",
    "Code",
    "ErrorCode",
    "errorMessage",
    "ErrorMessage",
    "message",
    "Message",
    "description",
    "reason",
)


@dataclass(frozen=True)
class Place:
    """The region and account of a resource; empty if unknown."""

    region: str = ""
    account: str = ""


NOWHERE = Place()


def place_of(arn: str) -> Place | None:
    """Return the place of an ARN's resource; None if the text is not an ARN or names no region."""
    match = ARN.fullmatch(arn)
    return Place(match[1], match[2]) if match and REGION.fullmatch(match[1]) else None


def place_in(text: str) -> Place | None:
    """Return the place of the first ARN with region and account in a text; None without one."""
    match = PLACED_ARN.search(text)
    return Place(*match.groups()) if match else None


def json_in(text: str) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON in a text; None if the text is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def error_text(text: str) -> str:
    """Return the first two of error type, code and message in a JSON object, joined by a colon.

    Any other text is returned unchanged.
    """
    value = json_in(text) if text.startswith("{") else None
    values = (
        [str(value[key]) for key in ERROR_KEYS if isinstance(value.get(key), (str, int))]
        if isinstance(value, dict)
        else []
    )
    return ": ".join(values[:2]) or text


def resource_of(text: str) -> str:
    """Return the part of an ARN that names the resource; other text is returned unchanged."""
    if not (match := ARN.fullmatch(text)):
        return text
    region, account, resource = match.groups()
    if not account and not region:
        return resource
    # Remove the resource type.
    return re.sub(r"^[a-zA-Z-]+[:/](?=.)", "", resource)


def without_arns(text: str) -> str:
    """Return the text with each ARN in it shortened to the resource that it names."""
    return ARN_IN_TEXT.sub(lambda match: resource_of(match.group()), text)


def parse_time(text: str) -> datetime | None:
    """Parse an ISO or mail timestamp with a zone; None for anything else."""
    try:
        if ISO_TIME.fullmatch(text):
            at = datetime.fromisoformat(text)
        elif MAIL_TIME.fullmatch(text):
            at = parsedate_to_datetime(text)
        else:
            return None
        # Accept only times that Discord can show in UTC and in the operators' zone.
        return at if datetime(1970, 1, 2, tzinfo=UTC) < at < datetime(9000, 1, 1, tzinfo=UTC) else None
    except (ValueError, TypeError, OverflowError):
        return None
