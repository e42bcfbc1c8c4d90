"""Events of findings and scans.

https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings_eventbridge.html
https://docs.aws.amazon.com/inspector/latest/user/eventbridge-integration.html
https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-event-formats.html
"""

from __future__ import annotations

from typing import Any

from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING, Severity
from joytify_discord.rendering.json_values import first_of, get_list, get_path, get_value
from joytify_discord.rendering.kinds.kind import Kind
from joytify_discord.rendering.severity import severity_of_word, worst

# https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-severity.html
GUARDDUTY = {"critical": 9.0, "high": 7.0, "medium": 4.0}
FINDING = (
    "{Title} ({Severity.Label:words}, {Compliance.Status|Workflow.Status|RecordState:words}): {Resources.0.Id:name}"
)


def _guardduty_word(detail: dict[str, Any]) -> str:
    number = float(get_path(detail, "severity") or 0)
    return next((word for word, least in GUARDDUTY.items() if number >= least), "low")


def _by_guardduty(detail: dict[str, Any]) -> Severity:
    if get_path(detail, "service.archived") == "true":
        return SUCCESS
    return severity_of_word(_guardduty_word(detail))


def _by_inspector(detail: dict[str, Any]) -> Severity:
    if get_path(detail, "status") in {"CLOSED", "SUPPRESSED"}:
        return SUCCESS
    return severity_of_word(get_path(detail, "severity"))


def _by_access(detail: dict[str, Any]) -> Severity:
    if get_path(detail, "status") != "ACTIVE":
        return SUCCESS
    return FAILURE if get_path(detail, "isPublic") == "true" else WARNING


def _by_scan(detail: dict[str, Any]) -> Severity:
    counts = get_value(detail, "finding-severity-counts")
    found = counts if isinstance(counts, dict) else {}
    scan = severity_of_word(get_path(detail, "scan-status"))
    if scan == FAILURE or found.get("CRITICAL") or found.get("HIGH"):
        return FAILURE
    return WARNING if any(count for name, count in found.items() if name != "TOTAL") else scan


def _by_finding(finding: object) -> Severity:
    closed = {get_path(finding, path) for path in ("Compliance.Status", "Workflow.Status", "RecordState")}
    if closed & {"PASSED", "RESOLVED", "SUPPRESSED", "ARCHIVED"}:
        return SUCCESS
    return severity_of_word(get_path(finding, "Severity.Label"))


def _security_hub(what: str) -> Kind:
    return Kind(
        title=f"Security Hub{what}: {{findings.0.Title}}",
        severity=lambda detail: worst(map(_by_finding, get_list(detail, "findings"))),
        text="findings.0.Description",
        fields={
            "Severity": "findings.0.Severity.Label",
            "Compliance": "findings.0.Compliance.Status",
            "Workflow": "findings.0.Workflow.Status",
            "Product": "findings.0.ProductName",
            "Resource": "findings.0.Resources.0.Id",
            "What next": "findings.0.Remediation.Recommendation.Text",
            "More": "findings.0.Remediation.Recommendation.Url",
        },
        lists={"All findings": ("findings", FINDING)},
        page="securityhub/home?region={region}#/findings",
    )


KINDS = {
    "GuardDuty Finding": Kind(
        title="GuardDuty: {title}",
        severity=_by_guardduty,
        text="description",
        fields={
            "Type": "type",
            "Resource": "resource.resourceType",
            "Instance": "resource.instanceDetails.instanceId",
            "User": "resource.accessKeyDetails.userName",
            "Bucket": "resource.s3BucketDetails.0.name",
            "Actor": "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4"
            "|service.action.networkConnectionAction.remoteIpDetails.ipAddressV4"
            "|service.action.portProbeAction.portProbeDetails.0.remoteIpDetails.ipAddressV4"
            "|service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4",
            "Times": "service.count",
            "First seen": "service.eventFirstSeen",
            "Last seen": "service.eventLastSeen",
        },
        facts={
            "Severity": lambda detail: f"{_guardduty_word(detail)} ({get_path(detail, 'severity')})",
            "Archived": lambda detail: "yes" if get_path(detail, "service.archived") == "true" else "",
        },
        page="guardduty/home?region={region}#/findings?macros=current&fId={id}",
    ),
    "GuardDuty Malware Protection Object Scan Result": Kind(
        title="Malware scan of {s3ObjectDetails.objectKey}: {scanResultDetails.scanResultStatus|scanStatus:words}",
        severity=lambda detail: severity_of_word(first_of(detail, "scanResultDetails.scanResultStatus|scanStatus")),
        fields={"Bucket": "s3ObjectDetails.bucketName", "Scan": "scanStatus"},
        lists={"Threats": ("scanResultDetails.threats", "{name}")},
        page="guardduty/home?region={region}#/malware-scans",
    ),
    "Inspector2 Finding": Kind(
        title="Inspector: {title}",
        severity=_by_inspector,
        text="description",
        fields={
            "Severity": "severity",
            "Status": "status",
            "Resource": "resources.0.id",
            "Score": "inspectorScore",
            "Fix available": "fixAvailable",
            "What next": "remediation.recommendation.text",
            "First seen": "firstObservedAt",
            "More": "packageVulnerabilityDetails.sourceUrl",
        },
        page="inspector/v2/home?region={region}#/findings",
    ),
    "Inspector2 Scan": Kind(
        title="Inspector scan of {repository-name:name}: {scan-status:words}",
        severity=_by_scan,
        fields={
            "Critical": "finding-severity-counts.CRITICAL",
            "High": "finding-severity-counts.HIGH",
            "Tags": "image-tags",
            "Digest": "image-digest",
        },
        page="inspector/v2/home?region={region}#/findings",
    ),
    "ECR Image Scan": Kind(
        title="ECR scan of {repository-name}: {scan-status:words}",
        severity=_by_scan,
        fields={
            "Critical": "finding-severity-counts.CRITICAL",
            "High": "finding-severity-counts.HIGH",
            "Medium": "finding-severity-counts.MEDIUM",
            "Low": "finding-severity-counts.LOW",
            "Tags": "image-tags",
            "Digest": "image-digest",
        },
        page="ecr/repositories?region={region}",
    ),
    "ECR Image Action": Kind(
        title="ECR {repository-name}: {action-type:words} {image-tag} {result:words}",
        fields={"Digest": "image-digest"},
        page="ecr/repositories?region={region}",
    ),
    "Security Hub Findings - Imported": _security_hub(""),
    "Security Hub Findings - Custom Action": _security_hub(" ({actionName})"),
    "Security Hub Insight Results": Kind(
        title="Security Hub insight: {insightName}",
        severity=lambda _: INFORMATION,
        fields={"Action": "actionName", "Results": "resultType"},
        page="securityhub/home?region={region}#/insights",
    ),
    "Access Analyzer Finding": Kind(
        title="Access from outside to {resource:name}: {status:words}",
        severity=_by_access,
        fields={
            "Resource": "resource",
            "Type": "resourceType",
            "Public": "isPublic",
            "Principal": "principal.AWS",
            "Actions": "action",
            "Found": "createdAt",
        },
        page="access-analyzer/home?region={region}#/findings/details/{id}",
    ),
}
