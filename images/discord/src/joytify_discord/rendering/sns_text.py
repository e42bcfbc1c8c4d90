"""Render texts that AWS services write for people in a known format."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from joytify_discord.aws_notation import parse_time, place_of, resource_of, without_arns
from joytify_discord.embed import INFORMATION, WARNING, Severity
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
    fields = [DraftField(name, resource_of(pairs[key])) for name, key in names.items() if pairs.get(key)]
    what = pairs["ResourceStatus"].replace("_", " ").lower()
    stack, resource = pairs.get("StackName", ""), pairs.get("LogicalResourceId", "")
    return _draft(
        severity,
        f"Stack {stack}: {resource} {what}" if resource != stack else f"Stack {stack}: {what}",
        text,
        description=pairs.get("ResourceStatusReason", ""),
        fields=[*fields, DraftField("At", time_of(parse_time(pairs.get("Timestamp", ""))))],
        url=page(place, f"cloudformation/home?region={{region}}#/stacks/events?stackId={pairs['StackId']}"),
        account=place.account,
        region=place.region,
    )


def _backup(text: str, origin: Origin) -> Draft | None:
    """Return the draft for AWS Backup, whose state is in the message's attributes."""
    if not re.match(r"(?:An? )?(?:AWS )?(?:Backup|Copy|Restore|recovery point)\b", text, re.IGNORECASE) or not (
        origin.attributes.get("State") or "AWS Backup" in f"{origin.subject} {text[:100]}"
    ):
        return None
    state = origin.attributes.get("State", "")
    arns = [found.rstrip(".") for found in re.findall(r"arn:[^\s,]+", text[:MAX_CHARACTERS])]
    place = next((found for found in map(place_of, arns) if found), origin.place)
    fields = (
        [DraftField("Resource", listed([resource_of(arn) for arn in dict.fromkeys(arns)]), inline=False)]
        if arns
        else []
    )
    fields += [DraftField("State", state.lower())] if state else []
    return _draft(
        severity_of_word(state) if state else severity_of_text(text),
        re.split(r"\.(?:\s|$)", text, maxsplit=1)[0],
        text,
        description=without_arns(text),
        fields=fields,
        url=page(place, "backup/home?region={region}#/jobs"),
        account=origin.attributes.get("AccountId") or origin.attributes.get("accountId") or place.account,
        region=place.region,
    )


def _beanstalk(text: str, origin: Origin) -> Draft | None:
    lines = dict(LINE.findall(text[:MAX_CHARACTERS]))
    if not {"Message", "Environment", "Application"} <= lines.keys():
        return None
    return _draft(
        by_beanstalk_text(lines["Message"]),
        f"Beanstalk {lines['Environment']}: {lines['Message'].partition('.')[0]}",
        text,
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
    return _draft(
        WARNING,
        origin.subject or f"Budget {lines.get('Budget Name', '')} is above its threshold",
        text,
        description=text,
        fields=[DraftField(name, lines[key]) for name, key in names.items() if key in lines]
        + [DraftField(key.capitalize(), lines[key]) for key in amounts if key in lines],
        url="https://console.aws.amazon.com/billing/home#/budgets",
        account=account[1] if account else "",
    )


def _subscription(text: str, _origin: Origin) -> Draft | None:
    if text.startswith("Your subscription to the topic") or "has been deactivated" in text[:200]:
        return _draft(INFORMATION, "A subscription was deactivated", text, description=text)
    if not text.startswith("You have chosen to subscribe to the topic"):
        return None
    return _draft(WARNING, "A subscription is waiting for confirmation", text, description=text)


def _draft(severity: Severity, title: str, text: str, **more: Any) -> Draft:  # noqa: ANN401 - fields of a draft
    return Draft(
        severity=severity,
        title=title,
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
