"""Events of the account: AWS Health, Config rules, certificates, sign-ins.

https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING, Severity
from joytify_discord.rendering.json_values import get_path
from joytify_discord.rendering.kinds.kind import Kind
from joytify_discord.rendering.severity import severity_of_word

# A certificate that expires within this many days is a failure.
DAYS_BEFORE_EXPIRY = 7


def _by_health(detail: dict[str, Any]) -> Severity:
    if get_path(detail, "statusCode") == "closed":
        return SUCCESS
    category = get_path(detail, "eventTypeCategory")
    return {"issue": FAILURE, "accountNotification": INFORMATION}.get(category, WARNING)


def _by_certificate(detail: dict[str, Any]) -> Severity:
    days = get_path(detail, "DaysToExpiry")
    return FAILURE if days.lstrip("-").isdigit() and int(days) <= DAYS_BEFORE_EXPIRY else WARNING


def _by_sign_in(detail: dict[str, Any]) -> Severity:
    if get_path(detail, "userIdentity.type") == "Root":
        return FAILURE
    return WARNING if get_path(detail, "responseElements.ConsoleLogin") == "Failure" else INFORMATION


def _by_api_call(detail: object) -> Severity:
    # Nobody should work as root.
    is_root = get_path(detail, "userIdentity.type") == "Root"
    return WARNING if is_root or get_path(detail, "errorCode") else INFORMATION


def _certificate(
    what: str, severity: Callable[[Any], Severity] = lambda _: FAILURE, fields: Mapping[str, str] = {}
) -> Kind:
    page = "acm/home?region={region}#/certificates/list"
    return Kind(title=f"Certificate of {{CommonName}} {what}", severity=severity, page=page, fields=fields)


KINDS = {
    "AWS Health Event": Kind(
        title="AWS Health: {service} {eventTypeCategory:words} {statusCode}",
        severity=_by_health,
        text="eventDescription.0.latestDescription",
        fields={
            "Event": "eventTypeCode",
            "Begins": "startTime",
            "Ends": "endTime",
            "Scope": "eventScopeCode",
            "Affected account": "affectedAccount",
        },
        lists={"Affected": ("affectedEntities", "{entityValue:name} {status:words}")},
        page="health/home?region={region}#/event-log?eventID={eventArn}",
        incident="{eventArn} {affectedAccount} {page}",
    ),
    "Config Rules Compliance Change": Kind(
        title="Config: {resourceId} is {newEvaluationResult.complianceType:words} with {configRuleName}",
        severity=lambda detail: severity_of_word(get_path(detail, "newEvaluationResult.complianceType")),
        text="newEvaluationResult.annotation",
        fields={
            "Type": "resourceType",
            "Before": "oldEvaluationResult.complianceType",
            "At": "notificationCreationTime",
        },
        page="config/home?region={region}#/rules/details?configRuleName={configRuleName}",
    ),
    "Trusted Advisor Check Item Refresh Notification": Kind(
        title="Trusted Advisor: {check-name} {status:words}",
        severity=lambda detail: severity_of_word(get_path(detail, "status")),
        fields={
            "Resource": "resource_id",
            "Region of the resource": "check-item-detail.Region/AZ|check-item-detail.Region",
            "Service": "check-item-detail.Service",
            "Limit": "check-item-detail.Limit Amount",
            "Usage": "check-item-detail.Current Usage",
        },
        page="trustedadvisor/home?region={region}#/dashboard",
    ),
    "ACM Certificate Approaching Expiration": _certificate("expires in {DaysToExpiry} days", _by_certificate),
    "ACM Certificate Expired": _certificate("has expired"),
    "ACM Certificate Revoked": _certificate("was revoked", fields={"Why": "RevocationReason"}),
    "ACM Certificate Renewal Action Required": _certificate(
        "is not renewed automatically: {RenewalStatusReason:words}",
        fields={"Days left": "DaysToExpiry", "Validation": "DomainValidationMethod"},
    ),
    "AWS Console Sign In via CloudTrail": Kind(
        title="Console sign-in of {userIdentity.userName|userIdentity.type}: {responseElements.ConsoleLogin:words}",
        severity=_by_sign_in,
        fields={
            "Identity": "userIdentity.arn",
            "From": "sourceIPAddress",
            "MFA": "additionalEventData.MFAUsed",
            "At": "eventTime",
            "Why": "errorMessage",
        },
        page="cloudtrailv2/home?region={region}#/events/{eventID}",
    ),
    "CloudWatch Alarm Configuration Change": Kind(
        title="Alarm {alarmName}: {operation}",
        # The event is a change of the configuration, whatever the state of the alarm is.
        severity=lambda _: INFORMATION,
        fields={"State": "state.value", "Operation": "operation"},
        page="cloudwatch/home?region={region}#alarmsV2:alarm/{alarmName}",
    ),
    "Calendar State Change": Kind(
        title="Change calendar {@resources.0:name}: {state}",
        severity=lambda _: INFORMATION,
        fields={"At": "atTime", "Next": "nextTransitionTime"},
    ),
    "AWS API Call via CloudTrail": Kind(
        title="{eventName} {requestParameters.name} by {userIdentity.userName|userIdentity.arn|userIdentity.type:name}",
        severity=_by_api_call,
        text="errorMessage",
        fields={
            "Service": "eventSource",
            "Error": "errorCode",
            "Identity": "userIdentity.arn",
            "From": "sourceIPAddress",
        },
        page="cloudtrailv2/home?region={region}#/events/{eventID}",
    ),
}
