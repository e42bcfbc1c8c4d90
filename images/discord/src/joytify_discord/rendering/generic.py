"""Anything of a kind that is not known: objects as fields, those that tell most first, all else as it came."""

from __future__ import annotations

import re

from joytify_discord.limits import cut
from joytify_discord.notation import resource_of
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft
from joytify_discord.rendering.pretty import pretty
from joytify_discord.rendering.severity import severity_of, severity_of_text, worst
from joytify_discord.rendering.style import FAILURE
from joytify_discord.rendering.values import first_of, flatten_fields

# Keys whose value may serve as a title, best first.
TITLES = ("title", "Title", "subject", "Subject", "summary", "name", "event", "message", "Message", "Error", "error")
ARN = re.compile(r"arn:aws[\w-]*:[^\s\"'\\,;]+")

ACCOUNTS = "account|accountId|awsAccountId|AccountId|AWSAccountId"
REGIONS = "region|awsRegion|Region"

LONGEST_TITLE = 60


def unknown(text: str, value: object, origin: Origin) -> Draft:
    """Return the draft for a message of an unknown kind.

    Args:
        text: the message as it came.
        value: the JSON in it, or None.
        origin: where it comes from.
    """
    fields = list(flatten_fields(value)) if isinstance(value, dict) else []
    title = origin.subject or _title(text, value)
    body = text if value is None else ""
    # What Lambda gave up says so beside the message, which is the event itself.
    given_up = origin.attributes.get("ErrorMessage", "")
    severity = FAILURE if given_up else worst([severity_of(value), severity_of_text(f"{title}\n{body}")])
    title = f"Lambda gave up an event: {given_up}" if given_up else title
    shown = "" if fields else _shown(text, value).strip() or "(empty message)"
    return Draft(
        severity=severity,
        title=title or _thing(text) or "Message",
        # A text that is all title is not said twice.
        description="" if shown == title else shown,
        fields=fields,
        footer="of a kind that is not known" if fields else "",
        account=first_of(value, ACCOUNTS),
        region=first_of(value, REGIONS),
        full=_shown(text, value),
        # ARNs and what was left out are whole there.
        attach=bool(fields),
    )


def _thing(text: str) -> str:
    """Return the name of the first resource that the message speaks of."""
    match = ARN.search(text)
    return resource_of(match.group()) if match else ""


def _shown(text: str, value: object) -> str:
    if isinstance(value, str):
        return value
    return pretty(value) if isinstance(value, (dict, list)) else text


def _title(text: str, value: object) -> str:
    if isinstance(value, dict):
        return next((value[key] for key in TITLES if isinstance(value.get(key), str) and value[key].strip()), "")
    if value is not None:
        return ""
    # Plain text: what of its first line is read at a glance.
    return cut(text.strip().partition("\n")[0].strip(), LONGEST_TITLE)
