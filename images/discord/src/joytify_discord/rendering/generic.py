"""Render messages of unknown kinds: objects as fields, anything else as received."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from joytify_discord.aws_notation import ARN_IN_TEXT, Place, resource_of
from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, Severity
from joytify_discord.limits import FIELDS, cut
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft
from joytify_discord.rendering.json_values import first_of, flatten_fields, pretty
from joytify_discord.rendering.severity import (
    ending_of,
    plain,
    severity_of,
    severity_of_sentences,
    severity_of_text,
    worst,
)
from joytify_discord.rendering.vocabulary import EARLIER, STATE_LINE

# The title is the value of a key that ends with one of these words. Keys nearer the root take precedence; at the same
# depth, earlier words in this list take precedence.
TITLE_ENDS = (
    *("title", "subject", "humanreadable", "summary", "message", "msg", "output"),
    *("alertname", "conditionname", "policyname", "headline", "description", "monitorfriendlyname"),
)
TITLE_KEYS = ("error", "eventtypename", "eventname", "event", "name")
TITLE_DEPTH = 3
NO_TITLE = len(TITLE_ENDS) + len(TITLE_KEYS)
# Keys that hold the name of the thing that the message is about.
THINGS = "clusterName|hostnameAndPort|monitorFriendlyName|hostname|service"

ACCOUNTS = "account|accountId|awsAccountId|AccountId|AWSAccountId"
REGIONS = "region|awsRegion|Region"

MAX_TITLE, MAX_JSON_TITLE, MAX_LINE = 60, 120, 200


def unknown(text: str, value: object, origin: Origin) -> Draft:
    """Return the draft for a message of an unknown kind.

    Args:
        text: the message as received.
        value: the JSON in it, or None.
        origin: where the message comes from.
    """
    known = value if isinstance(value, dict) else {}
    # A message may have thousands of values, but Discord shows at most `FIELDS` fields.
    fields, (found, holders) = list(islice(flatten_fields(known), FIELDS)), _best_title(known)
    body = text if value is None else ""
    title = origin.subject or _with_thing(found, known) or _title(body)
    # If Lambda gave up on an event, the message is the event, and an attribute has the error.
    given_up = origin.attributes.get("ErrorMessage", "")
    severity = FAILURE if given_up else _severity(value, f"{title}\n{body}", holders)
    title = f"Lambda gave up on an event: {given_up}" if given_up else title
    shown = "" if fields else whole(text, value).strip() or "(empty message)"
    return Draft(
        severity=severity,
        title=title or _thing(text) or "Message",
        # Do not repeat a text that the title already shows completely.
        description="" if shown == title else shown,
        fields=fields,
        footer="unknown kind of message" if fields else "",
        place=Place(first_of(value, REGIONS), first_of(value, ACCOUNTS)),
        # The attachment has the complete ARNs and the values that were left out.
        attach=bool(fields),
    )


def _severity(value: object, text: str, holders: Sequence[dict[str, Any]]) -> Severity:
    """Return how bad a message is: by its states and its title, else by its sentences.

    Args:
        value: the JSON of the message, or None.
        text: title and text.
        holders: the objects around the title, outermost first.
    """
    if ending := next(filter(None, map(ending_of, holders)), ""):
        # Do not judge the title: it still names what was wrong, for example "High error rate".
        return SUCCESS.because(f"ending: {ending}")
    found = worst([severity_of(value), severity_of_text(text)])
    return found if found != INFORMATION else severity_of_sentences(value)


def _thing(text: str) -> str:
    """Return the name of the first resource that the message names by an ARN; empty without one."""
    match = ARN_IN_TEXT.search(text)
    return resource_of(match.group()) if match else ""


def whole(text: str, value: object) -> str:
    """Return the whole message: JSON is pretty-printed, and other text unchanged."""
    if isinstance(value, str):
        return value
    return pretty(value) if isinstance(value, (dict, list)) else text


def _title(text: str) -> str:
    # The first line that says more than a status.
    lines = [line.strip()[:MAX_LINE] for line in text.strip().splitlines() if line.strip()]
    return cut(next((line for line in lines if not STATE_LINE.match(line)), ""), MAX_TITLE)


def _with_thing(title: str, value: dict[str, Any]) -> str:
    thing = first_of(value, THINGS)
    return f"{title} ({thing})" if title and thing and thing not in title else title


def _title_rank(key: str) -> int:
    """Return the rank of a key as a title, 0 for the best; NO_TITLE if the key is unsuitable."""
    if EARLIER.match(key):
        return NO_TITLE
    if key.endswith(TITLE_ENDS):
        return next(rank for rank, end in enumerate(TITLE_ENDS) if key.endswith(end))
    return len(TITLE_ENDS) + (TITLE_KEYS.index(key) if key in TITLE_KEYS else len(TITLE_KEYS))


def _best_title(value: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the first sentence under the best key for a title, and the objects on the way to it."""
    level = [[value]]
    for _ in range(TITLE_DEPTH):
        texts = [
            (_title_rank(plain(key)), text.strip(), path)
            for path in level
            for key, text in path[-1].items()
            if isinstance(text, str) and text.strip()
        ]
        rank, text, path = min(texts, key=itemgetter(0), default=(NO_TITLE, "", [value]))
        if rank < NO_TITLE:
            return cut(re.split(r"(?<=[.!?])\s|\n", text)[0], MAX_JSON_TITLE), path
        level = [
            [*path, inner]
            for path in level
            for key, inner in path[-1].items()
            if isinstance(inner, dict) and not EARLIER.match(key)
        ]
    return "", [value]
