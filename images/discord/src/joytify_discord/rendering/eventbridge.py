"""What AWS services say of themselves through EventBridge: one entry of KINDS each.

The shapes are those of https://docs.aws.amazon.com/eventbridge/latest/ref/events.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joytify_discord.embed import Embed, EmbedField
from joytify_discord.rendering.style import FAILURE, INFORMATION, SUCCESS, WARNING, Severity
from joytify_discord.rendering.text import escape, format_timestamp
from joytify_discord.rendering.values import flatten_fields, get_path, select_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from joytify_discord.parsing import EventBridgeEvent

BY_STATE = {
    "SUCCEEDED": SUCCESS,
    "COMPLETED": SUCCESS,
    "COMPLETE": SUCCESS,
    "FAILED": FAILURE,
    "FAULT": FAILURE,
    "TIMED_OUT": FAILURE,
    "ABORTED": FAILURE,
    "EXPIRED": WARNING,
    "STOPPED": WARNING,
    "PARTIAL": WARNING,
}
# https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html
GUARDDUTY_HIGH, GUARDDUTY_MEDIUM = 7.0, 4.0


@dataclass(frozen=True)
class Kind:
    """How one kind of event is shown.

    Attributes:
        title: what happened to what, from the event's detail.
        severity: how bad it is, from the detail.
        text: dotted path of the text that explains it.
        fields: dotted path in the detail by the name of its field.
        link: dotted path of an address that leads to more.
    """

    title: Callable[[Any], str]
    severity: Callable[[Any], Severity]
    text: str
    fields: Mapping[str, str]
    link: str = ""


def _by_state(path: str) -> Callable[[Any], Severity]:
    return lambda detail: BY_STATE.get(get_path(detail, path).replace("\\", "").upper(), INFORMATION)


def _by_guardduty(detail: dict[str, Any]) -> Severity:
    severity = float(detail.get("severity", 0))
    return FAILURE if severity >= GUARDDUTY_HIGH else WARNING if severity >= GUARDDUTY_MEDIUM else INFORMATION


def _by_label(detail: dict[str, Any]) -> Severity:
    label = get_path(detail, "findings.0.Severity.Label")
    return FAILURE if label in {"CRITICAL", "HIGH"} else WARNING if label == "MEDIUM" else INFORMATION


def _by_health(detail: dict[str, Any]) -> Severity:
    if get_path(detail, "statusCode") == "closed":
        return SUCCESS
    return FAILURE if get_path(detail, "eventTypeCategory") == "issue" else WARNING


def _by_counts(detail: dict[str, Any]) -> Severity:
    counts = detail.get("finding-severity-counts") or {}
    if counts.get("CRITICAL") or counts.get("HIGH"):
        return FAILURE
    return WARNING if any(counts.values()) else SUCCESS


def _found(detail: dict[str, Any]) -> str:
    counts = detail.get("finding-severity-counts") or {}
    found = ", ".join(f"{count} {escape(name.lower())}" for name, count in counts.items() if count)
    return f"ECR scan of {get_path(detail, 'repository-name')}: {found or 'nothing found'}"


KINDS: dict[str, Kind] = {
    "GuardDuty Finding": Kind(
        lambda d: f"GuardDuty: {get_path(d, 'title')}",
        _by_guardduty,
        "description",
        {"Severity": "severity", "Type": "type", "Resource": "resource.resourceType", "Times": "service.count"},
    ),
    "AWS Health Event": Kind(
        lambda d: (
            f"AWS Health: {get_path(d, 'service')} {get_path(d, 'eventTypeCategory')} {get_path(d, 'statusCode')}"
        ),
        _by_health,
        "eventDescription.0.latestDescription",
        {
            "Event": "eventTypeCode",
            "Begins": "startTime",
            "Ends": "endTime",
            "Affected": "affectedEntities.0.entityValue",
        },
    ),
    "Security Hub Findings - Imported": Kind(
        lambda d: f"Security Hub: {get_path(d, 'findings.0.Title')}",
        _by_label,
        "findings.0.Description",
        {
            "Severity": "findings.0.Severity.Label",
            "Product": "findings.0.ProductName",
            "Resource": "findings.0.Resources.0.Id",
            "What next": "findings.0.Remediation.Recommendation.Text",
        },
        "findings.0.Remediation.Recommendation.Url",
    ),
    "ECR Image Scan": Kind(
        _found,
        _by_counts,
        "",
        {"Status": "scan-status", "Tag": "image-tags.0", "Digest": "image-digest"},
    ),
    "Backup Job State Change": Kind(
        lambda d: (
            f"Backup {get_path(d, 'state').lower()}: {get_path(d, 'resourceType')} in {get_path(d, 'backupVaultName')}"
        ),
        _by_state("state"),
        "statusMessage",
        {"Job": "backupJobId", "Resource": "resourceArn", "Vault": "backupVaultName", "Bytes": "backupSizeInBytes"},
    ),
    "CodePipeline Pipeline Execution State Change": Kind(
        lambda d: f"Pipeline {get_path(d, 'pipeline')}: {get_path(d, 'state').lower()}",
        _by_state("state"),
        "",
        {"Execution": "execution-id", "Version": "version"},
    ),
    "CodeBuild Build State Change": Kind(
        lambda d: f"Build {get_path(d, 'project-name')}: {get_path(d, 'build-status').lower()}",
        _by_state("build-status"),
        "",
        {"Build": "build-id", "Phase": "current-phase", "Started by": "additional-information.initiator"},
        "additional-information.logs.deep-link",
    ),
}


def eventbridge_event(message: EventBridgeEvent, zone: ZoneInfo) -> Embed:
    """Return the embed for an EventBridge event; one of another kind shows all its values."""
    detail = message.detail
    kind = KINDS.get(message.kind)
    severity = kind.severity(detail) if kind else _guess(message)
    title = kind.title(detail) if kind else escape(message.kind)
    fields = list(select_fields(detail, kind.fields) if kind else flatten_fields(detail))
    fields.append(EmbedField("At", format_timestamp(message.at, zone)))
    if message.resources:
        fields.append(EmbedField("Resources", escape("\n".join(message.resources)), inline=False))
    return Embed(
        title=f"{severity.symbol} {title}",
        color=severity.color,
        description=get_path(detail, kind.text) if kind else "",
        fields=fields,
        footer=" · ".join(filter(None, (message.source, message.region, message.account))),
        timestamp=message.at,
        url=_link(detail, kind.link) if kind else "",
        is_alert=severity in {FAILURE, WARNING},
        full=message.model_dump_json(by_alias=True, indent=2),
    )


def _guess(message: EventBridgeEvent) -> Severity:
    """Return the severity of an event of another kind: by its kind's words, where they tell."""
    words = message.kind.lower()
    if "unsuccessful" in words or "fail" in words:
        return FAILURE
    return SUCCESS if "successful" in words else _by_state("state")(message.detail)


def _link(detail: dict[str, Any], path: str) -> str:
    link = get_path(detail, path).replace("\\", "") if path else ""
    return link if link.startswith("https://") else ""
