"""Render texts that AWS services write for people in a known format."""

from __future__ import annotations

import re
from collections.abc import Callable

from joytify_discord.aws_notation import ARN_IN_TEXT, Place, parse_time, place_of, resource_of, without_arns
from joytify_discord.embed import INFORMATION, WARNING
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft, DraftField, listed
from joytify_discord.rendering.kinds.compute import by_beanstalk_text
from joytify_discord.rendering.links import page
from joytify_discord.rendering.severity import severity_of_text, severity_of_word
from joytify_discord.rendering.text import time_of

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-listing-event-history.html
PAIR = re.compile(r"^(\w+)='(.*?)'$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^([A-Z][\w ]+): (.+)$", re.MULTILINE)
MAX_CHARACTERS = 20_000


def sns_text(text: str, origin: Origin) -> Draft | None:
    """Return the draft for a text in a known format, or None."""
    return next(filter(None, (render(text, origin) for render in FORMS)), None)


def _cloud_formation(text: str, origin: Origin) -> Draft | None:
    if "StackId='" not in text:
        return None
    pairs = dict(PAIR.findall(text[:MAX_CHARACTERS]))
    if not {"StackId", "ResourceStatus"} <= pairs.keys():
        return None
    severity = severity_of_word(pairs["ResourceStatus"])
    place = place_of(pairs["StackId"]) or origin.place
    names = {"Type": "ResourceType", "Resource": "PhysicalResourceId"}
    fields = [DraftField(name, resource_of(pairs.get(key, ""))) for name, key in names.items()]
    what = pairs["ResourceStatus"].replace("_", " ").lower()
    stack, resource = pairs.get("StackName", ""), pairs.get("LogicalResourceId", "")
    return Draft(
        severity=severity,
        title=f"Stack {stack}: {resource} {what}" if resource != stack else f"Stack {stack}: {what}",
        description=pairs.get("ResourceStatusReason", ""),
        fields=[*fields, DraftField("At", time_of(parse_time(pairs.get("Timestamp", ""))))],
        url=page(place, f"cloudformation/home?region={{region}}#/stacks/events?stackId={pairs['StackId']}"),
        place=place,
    )


def _backup(text: str, origin: Origin) -> Draft | None:
    """Return the draft for AWS Backup, whose state is in the message's attributes."""
    if not re.match(r"(?:An? )?(?:AWS )?(?:Backup|Copy|Restore|recovery point)\b", text, re.IGNORECASE) or not (
        origin.attributes.get("State") or "AWS Backup" in f"{origin.subject} {text[:100]}"
    ):
        return None
    state = origin.attributes.get("State", "")
    arns = [found.rstrip(".") for found in ARN_IN_TEXT.findall(text[:MAX_CHARACTERS])]
    place = next((found for found in map(place_of, arns) if found), origin.place)
    resources = listed([resource_of(arn) for arn in dict.fromkeys(arns)])
    return Draft(
        severity=severity_of_word(state) if state else severity_of_text(text),
        title=re.split(r"\.(?:\s|$)", text, maxsplit=1)[0],
        description=without_arns(text),
        fields=[DraftField("Resource", resources, inline=False), DraftField("State", state.lower())],
        url=page(place, "backup/home?region={region}#/jobs"),
        place=Place(
            place.region, origin.attributes.get("AccountId") or origin.attributes.get("accountId") or place.account
        ),
    )


def _beanstalk(text: str, origin: Origin) -> Draft | None:
    lines = dict(LINE.findall(text[:MAX_CHARACTERS]))
    if not {"Message", "Environment", "Application"} <= lines.keys():
        return None
    return Draft(
        severity=by_beanstalk_text(lines["Message"]),
        title=f"Beanstalk {lines['Environment']}: {lines['Message'].partition('.')[0]}",
        description=lines["Message"],
        fields=[DraftField("Application", lines["Application"])],
        url=page(origin.place, "elasticbeanstalk/home?region={region}#/environments"),
    )


def _budget(text: str, origin: Origin) -> Draft | None:
    if not text.startswith("AWS Budget Notification"):
        return None
    lines = dict(LINE.findall(text[:MAX_CHARACTERS]))
    account = re.search(r"AWS Account (\d{12})", text[:MAX_CHARACTERS])
    names = {"Budget": "Budget Name", "Budgeted": "Budgeted Amount", "Threshold": "Alert Threshold"}
    amounts = ("ACTUAL Amount", "FORECASTED Amount", "Actual Amount", "Forecasted Amount")
    return Draft(
        severity=WARNING,
        title=origin.subject or f"Budget {lines.get('Budget Name', '')} is above its threshold",
        description=text,
        fields=[DraftField(name, lines[key]) for name, key in names.items() if key in lines]
        + [DraftField(key.capitalize(), lines[key]) for key in amounts if key in lines],
        url="https://console.aws.amazon.com/billing/home#/budgets",
        place=Place("", account[1] if account else ""),
    )


def _subscription(text: str, _origin: Origin) -> Draft | None:
    if text.startswith("Your subscription to the topic") or "has been deactivated" in text[:200]:
        return Draft(severity=INFORMATION, title="A subscription was deactivated", description=text)
    if not text.startswith("You have chosen to subscribe to the topic"):
        return None
    return Draft(severity=WARNING, title="A subscription is waiting for confirmation", description=text)


FORMS: tuple[Callable[[str, Origin], Draft | None], ...] = (
    _cloud_formation,
    _backup,
    _beanstalk,
    _budget,
    _subscription,
)
