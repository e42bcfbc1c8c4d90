"""What AWS services say of themselves through EventBridge; `kinds/` has an entry for each kind.

The shapes are those of https://docs.aws.amazon.com/eventbridge/latest/ref/events.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joytify_discord.notation import Place, partition_of, resource_of
from joytify_discord.rendering.draft import Draft, DraftField
from joytify_discord.rendering.kinds import account, compute, data, delivery, security
from joytify_discord.rendering.kinds.kind import fill, fill_address, fill_list
from joytify_discord.rendering.links import page
from joytify_discord.rendering.severity import severity_of, severity_of_text, worst
from joytify_discord.rendering.style import FAILURE, SUCCESS, WARNING
from joytify_discord.rendering.text import moment
from joytify_discord.rendering.values import first_of, flatten_fields, get_path, select_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joytify_discord.parsing import EventBridgeEvent
    from joytify_discord.rendering.kinds.kind import Kind
    from joytify_discord.rendering.style import Severity

KINDS = delivery.KINDS | compute.KINDS | data.KINDS | security.KINDS | account.KINDS
MOST_LISTED = 10


def eventbridge_event(event: EventBridgeEvent) -> Draft:
    """Return the draft for an EventBridge event; one of another kind shows all its values."""
    kind = KINDS.get(event.kind)
    severity = kind.severity(event.detail) if kind else _guess(event)
    title = fill(kind.title, _with_resources(event)) if kind else event.kind
    fields = _known(kind, event) if kind else _unknown(event)
    return Draft(
        severity=severity,
        title=f"{severity.symbol} {title}",
        description=first_of(event.detail, kind.text) if kind else "",
        fields=list(fields),
        footer=event.source,
        timestamp=event.at,
        url=_address(kind, event) if kind else "",
        is_alert=severity in {FAILURE, WARNING},
        account=event.account,
        region=event.region,
        full=event.model_dump_json(by_alias=True, indent=2),
        # ARNs and what was left out are whole there.
        attach=kind is None,
    )


def _known(kind: Kind, event: EventBridgeEvent) -> Iterator[DraftField]:
    for name, work_out in kind.facts.items():
        yield DraftField(name, work_out(event.detail))
    yield from select_fields(event.detail, kind.fields)
    for name, (path, template) in kind.lists.items():
        if entries := fill_list(path, template, event.detail):
            more = f"\nand {len(entries) - MOST_LISTED} more" if len(entries) > MOST_LISTED else ""
            yield DraftField(name, "\n".join(entries[:MOST_LISTED]) + more, inline=False)


def _unknown(event: EventBridgeEvent) -> Iterator[DraftField]:
    # Before all else, so that no limit cuts them off.
    yield DraftField("At", moment(event.at))
    if event.resources:
        yield DraftField("Resources", "\n".join(map(resource_of, event.resources)), inline=False)
    yield from flatten_fields(event.detail, event.resources)


def _guess(event: EventBridgeEvent) -> Severity:
    """Return the severity of an event of another kind: by its states, and by the words of its kind."""
    found = severity_of(event.detail)
    return worst([found, severity_of_text(event.kind)]) if found is not SUCCESS else found


def _address(kind: Kind, event: EventBridgeEvent) -> str:
    link = get_path(event.detail, kind.link) if kind.link else ""
    if link.startswith("https://"):
        return link
    place = Place(partition_of(event.region), event.region, event.account)
    path = fill_address(kind.page, _with_resources(event))
    return page(place, path) if path else ""


def _with_resources(event: EventBridgeEvent) -> dict[str, object]:
    return {**event.detail, "@resources": event.resources}
