"""Render events that AWS services send through EventBridge; `kinds/` has an entry for each kind.

Event formats: https://docs.aws.amazon.com/eventbridge/latest/ref/events.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from joytify_discord.aws_notation import Place, error_text, resource_of
from joytify_discord.embed import INFORMATION, SUCCESS, Incidents, Severity
from joytify_discord.parsing import EventBridgeEvent
from joytify_discord.rendering.draft import Draft, DraftField, listed
from joytify_discord.rendering.json_values import first_of, flatten_fields, get_path, select_fields
from joytify_discord.rendering.kinds import account, compute, data, deployment, security
from joytify_discord.rendering.kinds.kind import Kind, fill, fill_address, fill_list, words
from joytify_discord.rendering.links import CONSOLE, page
from joytify_discord.rendering.severity import (
    severity_of,
    severity_of_name,
    severity_of_sentences,
    severity_of_text,
    worst,
)
from joytify_discord.rendering.text import time_of

KINDS = deployment.KINDS | compute.KINDS | data.KINDS | security.KINDS | account.KINDS
# Maximum number of characters of a resource name and of a state in a title; longer texts cannot be read at a glance.
MAX_THING, MAX_STATE = 80, 40


def eventbridge_event(event: EventBridgeEvent) -> Draft:
    """Return the draft for an EventBridge event; an event of unknown kind shows all its values."""
    kind = KINDS.get(event.kind)
    # An AWS Health event may be about another region than the region that sends it.
    place = Place(get_path(event.detail, "eventRegion") or event.region, event.account)
    severity = kind.severity(event.detail) if kind else _guess(event)
    title = fill(kind.title, {**event.detail, "@resources": event.resources}) if kind else _title(event)
    identity = fill(kind.incident, event.detail) if kind else ""
    fields = _known(kind, event) if kind else _unknown(event)
    return Draft(
        severity=severity,
        title=title,
        description=error_text(first_of(event.detail, kind.text)) if kind else "",
        fields=list(fields),
        footer=event.source,
        timestamp=event.at,
        url=_address(kind, event, place) if kind else "",
        incidents=Incidents(
            (f"{event.kind} {event.account} {identity}",) if identity else (), closes=severity == SUCCESS
        ),
        place=place,
        # The attachment has the complete ARNs and the values that were left out.
        attach=kind is None,
    )


def _known(kind: Kind, event: EventBridgeEvent) -> Iterator[DraftField]:
    for name, work_out in kind.facts.items():
        yield DraftField(name, work_out(event.detail))
    yield from select_fields(event.detail, kind.fields)
    for name, (path, template) in kind.lists.items():
        yield DraftField(name, listed(fill_list(path, template, event.detail)), inline=False)


def _unknown(event: EventBridgeEvent) -> Iterator[DraftField]:
    # These fields come first, so that no limit cuts them off.
    yield DraftField("At", time_of(event.at))
    yield DraftField("Resources", listed([resource_of(each) for each in event.resources]), inline=False)
    yield from flatten_fields(event.detail, event.resources)


def _title(event: EventBridgeEvent) -> str:
    """Return the kind of the event and the name of its resource, followed by the state if they do not contain it."""
    title = ": ".join(filter(None, (event.kind, _thing(event))))
    states = (value for key, value in event.detail.items() if key.lower().endswith(("status", "state")))
    state = next((words(value) for value in states if isinstance(value, str) and len(value) <= MAX_STATE), "")
    return f"{title}, {state}" if state and state not in title.lower() else title


def _thing(event: EventBridgeEvent) -> str:
    """Return the name of the thing that an event of unknown kind is about; empty without a name."""
    names = [value for key, value in event.detail.items() if key.lower().endswith("name") and isinstance(value, str)]
    things = [*map(resource_of, event.resources[:1]), *names]
    # A generated id says less than a name.
    ordered = sorted((thing for thing in things if 0 < len(thing) <= MAX_THING), key=_is_opaque)
    return next(iter(ordered), "")


def _is_opaque(thing: str) -> bool:
    last = re.split(r"[/:]", thing)[-1]
    return re.fullmatch(r"[0-9a-f-]{3,}|[\w-]*[0-9a-f]{8,}", last) is not None


def _guess(event: EventBridgeEvent) -> Severity:
    """Return the severity of an event of unknown kind, from its states, else from its words."""
    if (found := severity_of(event.detail)) != INFORMATION:
        return found
    return worst([severity_of_text(event.kind), severity_of_name(event.kind), severity_of_sentences(event.detail)])


def _address(kind: Kind, event: EventBridgeEvent, place: Place) -> str:
    link = get_path(event.detail, kind.link) if kind.link else ""
    # The link of a build that wrote no log contains `=null`.
    if CONSOLE.fullmatch(link) and "=null" not in link:
        return link
    path = fill_address(kind.page, {**event.detail, "@resources": event.resources})
    return page(place, path) if path else ""
