"""Texts that AWS services write for people, as far as their form is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from joytify_discord.notation import parse_time, place_of, resource_of
from joytify_discord.rendering.draft import Draft, DraftField
from joytify_discord.rendering.links import page
from joytify_discord.rendering.severity import severity_of_text, severity_of_word
from joytify_discord.rendering.style import FAILURE, WARNING
from joytify_discord.rendering.text import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from joytify_discord.parsing import Origin
    from joytify_discord.rendering.style import Severity

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-listing-event-history.html
PAIR = re.compile(r"^(\w+)='(.*?)'$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^([A-Z][\w ]+): (.+)$", re.MULTILINE)
ADDRESS = re.compile(r"https://\S+")


def sns_text(text: str, origin: Origin) -> Draft | None:
    """Return the draft for a text whose form is known, or None."""
    return next(filter(None, (render(text, origin) for render in FORMS)), None)


def _cloud_formation(text: str, origin: Origin) -> Draft | None:
    pairs = dict(PAIR.findall(text))
    if not {"StackId", "ResourceStatus"} <= pairs.keys():
        return None
    severity = severity_of_word(pairs["ResourceStatus"])
    place = place_of(pairs["StackId"]) or origin.place
    names = {"Type": "ResourceType", "Resource": "PhysicalResourceId"}
    fields = [DraftField(name, resource_of(pairs[key])) for name, key in names.items() if pairs.get(key)]
    what = pairs["ResourceStatus"].replace("_", " ").lower()
    return _draft(
        severity,
        f"Stack {pairs.get('StackName', '')}: {pairs.get('LogicalResourceId', '')} {what}",
        text,
        description=pairs.get("ResourceStatusReason", ""),
        fields=[*fields, DraftField("At", moment(parse_time(pairs.get("Timestamp", ""))))],
        url=page(place, f"cloudformation/home?region={{region}}#/stacks/events?stackId={pairs['StackId']}"),
        account=place.account,
        region=place.region,
    )


def _backup(text: str, origin: Origin) -> Draft | None:
    """Return the draft for AWS Backup, whose state is in the message's attributes."""
    if not re.match(r"An AWS Backup|AWS Backup", text):
        return None
    state = origin.attributes.get("State", "")
    severity = severity_of_word(state) if state else severity_of_text(text)
    arns = re.findall(r"arn:[^\s,]+", text)
    place = next((found for found in map(place_of, arns) if found), origin.place)
    fields = [DraftField("Resource", "\n".join(map(resource_of, dict.fromkeys(arns))), inline=False)] if arns else []
    fields += [DraftField("State", state.lower())] if state else []
    return _draft(
        severity,
        text.partition(".")[0],
        text,
        description=text,
        fields=fields,
        url=page(place, "backup/home?region={region}#/jobs"),
        account=origin.attributes.get("accountId") or place.account,
        region=place.region,
    )


def _beanstalk(text: str, origin: Origin) -> Draft | None:
    lines = dict(LINE.findall(text))
    if not {"Message", "Environment", "Application"} <= lines.keys():
        return None
    # Of a change only what the environment has become counts.
    became = re.search(r" to (\w+)", lines["Message"]) if "transitioned" in lines["Message"] else None
    severity = severity_of_word(became[1]) if became else severity_of_text(lines["Message"])
    return _draft(
        severity,
        f"Beanstalk {lines['Environment']}: {lines['Message'].partition('.')[0]}",
        text,
        description=lines["Message"],
        fields=[DraftField("Application", lines["Application"])],
        url=page(origin.place, "elasticbeanstalk/home?region={region}#/environments"),
    )


def _budget(text: str, _origin: Origin) -> Draft | None:
    if not text.startswith("AWS Budget Notification"):
        return None
    return _draft(WARNING, text.partition("\n")[0], text, description=text)


def _subscription(text: str, _origin: Origin) -> Draft | None:
    if not text.startswith("You have chosen to subscribe to the topic"):
        return None
    address = ADDRESS.search(text)
    return _draft(
        WARNING,
        "A subscription waits for its confirmation",
        text,
        description=text,
        url=address.group() if address else "",
    )


def _draft(severity: Severity, title: str, text: str, **more: Any) -> Draft:  # noqa: ANN401 - fields of a draft
    return Draft(
        severity=severity,
        title=f"{severity.symbol} {title}",
        is_alert=severity in {FAILURE, WARNING},
        full=text,
        **more,
    )


FORMS: tuple[Callable[[str, Origin], Draft | None], ...] = (
    _cloud_formation,
    _backup,
    _beanstalk,
    _budget,
    _subscription,
)
