"""What AWS services say of themselves through EventBridge; `kinds/` has an entry for each kind.

The shapes are those of https://docs.aws.amazon.com/eventbridge/latest/ref/events.html
"""

from __future__ import annotations

from collections.abc import Iterator

from joytify_discord.notation import Place, in_words, partition_of, resource_of
from joytify_discord.parsing import EventBridgeEvent
from joytify_discord.rendering.draft import Draft, DraftField, listed
from joytify_discord.rendering.kinds import account, compute, data, delivery, security
from joytify_discord.rendering.kinds.kind import Kind, fill, fill_address, fill_list
from joytify_discord.rendering.links import CONSOLE, page
from joytify_discord.rendering.severity import severity_of, severity_of_text, worst
from joytify_discord.rendering.style import INFORMATION, SUCCESS, Severity
from joytify_discord.rendering.text import time_of
from joytify_discord.rendering.values import first_of, flatten_fields, get_path, select_fields

KINDS = delivery.KINDS | compute.KINDS | data.KINDS | security.KINDS | account.KINDS
# A longer one names nothing at a glance.
LONGEST_THING = 80
# Links of AWS into its own console; others stand in a field, where their host is seen.


def eventbridge_event(event: EventBridgeEvent, text: str) -> Draft:
    """Return the draft for an EventBridge event; one of another kind shows all its values.

    Args:
        event: the event.
        text: all of it, for the attachment.
    """
    kind = KINDS.get(event.kind)
    severity = kind.severity(event.detail) if kind else _guess(event)
    title = fill(kind.title, _with_resources(event)) if kind else ": ".join(filter(None, (event.kind, _thing(event))))
    identity = fill(kind.incident, event.detail) if kind else ""
    fields = _known(kind, event) if kind else _unknown(event)
    return Draft(
        severity=severity,
        title=title,
        description=in_words(first_of(event.detail, kind.text)) if kind else "",
        fields=list(fields),
        footer=event.source,
        timestamp=event.at,
        url=_address(kind, event) if kind else "",
        incidents=(f"{event.kind} {event.account} {identity}",) if identity else (),
        closes=severity == SUCCESS,
        account=event.account,
        region=_region(event),
        full=text,
        # ARNs and what was left out are whole there.
        attach=kind is None,
    )


def _known(kind: Kind, event: EventBridgeEvent) -> Iterator[DraftField]:
    for name, work_out in kind.facts.items():
        if fact := work_out(event.detail):
            yield DraftField(name, fact)
    yield from select_fields(event.detail, kind.fields)
    for name, (path, template) in kind.lists.items():
        if entries := fill_list(path, template, event.detail):
            yield DraftField(name, listed(entries), inline=False)


def _unknown(event: EventBridgeEvent) -> Iterator[DraftField]:
    # Before all else, so that no limit cuts them off.
    yield DraftField("At", time_of(event.at))
    if event.resources:
        yield DraftField("Resources", listed([resource_of(each) for each in event.resources]), inline=False)
    yield from flatten_fields(event.detail, event.resources)


def _thing(event: EventBridgeEvent) -> str:
    """Return the name of what an event of another kind is about; empty if neither a resource nor a key names it."""
    names = (value for key, value in event.detail.items() if key.lower().endswith("name") and isinstance(value, str))
    return next(
        (thing for thing in (*map(resource_of, event.resources[:1]), *names) if 0 < len(thing) <= LONGEST_THING), ""
    )


def _guess(event: EventBridgeEvent) -> Severity:
    """Return the severity of an event of another kind: by its states, else by the words of its kind and of its text."""
    if (found := severity_of(event.detail)) != INFORMATION:
        return found
    texts = (event.kind, first_of(event.detail, "message|Message|description|reason"))
    return worst(map(severity_of_text, texts))


def _address(kind: Kind, event: EventBridgeEvent) -> str:
    link = get_path(event.detail, kind.link) if kind.link else ""
    # A build that wrote no log names none.
    if CONSOLE.fullmatch(link) and "=null" not in link:
        return link
    region = _region(event)
    place = Place(partition_of(region), region, event.account)
    path = fill_address(kind.page, _with_resources(event))
    return page(place, path) if path else ""


def _region(event: EventBridgeEvent) -> str:
    # AWS Health speaks of other regions than the one it speaks from.
    return get_path(event.detail, "eventRegion") or event.region


def _with_resources(event: EventBridgeEvent) -> dict[str, object]:
    return {**event.detail, "@resources": event.resources}
