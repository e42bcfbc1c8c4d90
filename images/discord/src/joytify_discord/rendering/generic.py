"""Render messages of unknown kinds: objects as fields, anything else as received."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from joytify_discord.limits import cut
from joytify_discord.notation import resource_of
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft
from joytify_discord.rendering.pretty import pretty
from joytify_discord.rendering.severity import severity_of, severity_of_sentences, severity_of_text, worst
from joytify_discord.rendering.severity_levels import FAILURE, INFORMATION, Severity
from joytify_discord.rendering.values import first_of, flatten_fields
from joytify_discord.rendering.vocabulary import STATE_LINE

# Keys whose value may serve as a title end with one of these, best first; a key near the root before a deeper one.
TITLES: Sequence[str] = (
    *("title", "subject", "humanreadable", "summary", "message", "alertname", "conditionname", "headline"),
    *("description", "monitorfriendlyname", "eventtypename", "name", "event", "error"),
)
TITLE_DEPTH = 3
# Keys that hold the name of the thing that the message is about.
THINGS = "clusterName|hostnameAndPort|monitorFriendlyName|hostname|service"
ARN = re.compile(r"arn:aws[\w-]*:[^\s\"'\\,;]+")

ACCOUNTS = "account|accountId|awsAccountId|AccountId|AWSAccountId"
REGIONS = "region|awsRegion|Region"

MAX_TITLE, MAX_JSON_TITLE = 60, 120
PLAIN = re.compile(r"[^a-z]")


def unknown(text: str, value: object, origin: Origin) -> Draft:
    """Return the draft for a message of an unknown kind.

    Args:
        text: the message as received.
        value: the JSON in it, or None.
        origin: where the message comes from.
    """
    fields = list(flatten_fields(value)) if isinstance(value, dict) else []
    title = origin.subject or _title(text, value)
    body = text if value is None else ""
    # If Lambda gave up on an event, the message is the event, and an attribute has the error.
    given_up = origin.attributes.get("ErrorMessage", "")
    severity = FAILURE if given_up else _severity(value, f"{title}\n{body}")
    title = f"Lambda gave up on an event: {given_up}" if given_up else title
    shown = "" if fields else _shown(text, value).strip() or "(empty message)"
    return Draft(
        severity=severity,
        title=title or _thing(text) or "Message",
        # Do not repeat a text that the title already shows completely.
        description="" if shown == title else shown,
        fields=fields,
        footer="unknown kind of message" if fields else "",
        account=first_of(value, ACCOUNTS),
        region=first_of(value, REGIONS),
        full=_shown(text, value),
        # The attachment has the complete ARNs and the values that were left out.
        attach=bool(fields),
    )


def _severity(value: object, text: str) -> Severity:
    """Return how bad a message is: by its states and its title, else by its sentences."""
    if (by_states := severity_of(value)).is_over:
        # Its title still names what was wrong: "High error rate".
        return by_states
    found = worst([by_states, severity_of_text(text)])
    return found if found != INFORMATION else severity_of_sentences(value)


def _thing(text: str) -> str:
    """Return the name of the first resource that the message names by an ARN; empty without one."""
    match = ARN.search(text)
    return resource_of(match.group()) if match else ""


def _shown(text: str, value: object) -> str:
    if isinstance(value, str):
        return value
    return pretty(value) if isinstance(value, (dict, list)) else text


def _title(text: str, value: object) -> str:
    if isinstance(value, dict):
        title, thing = _best_title(value), first_of(value, THINGS)
        return f"{title} ({thing})" if title and thing and thing not in title else title
    if value is not None:
        return ""
    # For plain text, the beginning of its first line that is more than a state.
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    first = next((line for line in lines if not STATE_LINE.match(line)), "")
    return cut(first, MAX_TITLE)


def _best_title(value: dict[str, Any]) -> str:
    """Return the first sentence under the best key for a title, at most some levels deep."""
    level = [value]
    for _ in range(TITLE_DEPTH):
        texts = [(PLAIN.sub("", key.lower()), text) for each in level for key, text in each.items()]
        for ending in TITLES:
            for key, text in texts:
                if key.endswith(ending) and isinstance(text, str) and text.strip():
                    return cut(re.split(r"(?<=[.!?])\s|\n", text.strip())[0], MAX_JSON_TITLE)
        level = [inner for each in level for inner in each.values() if isinstance(inner, dict)]
    return ""
