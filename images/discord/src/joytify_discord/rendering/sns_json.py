"""Render JSON messages that are sent without EventBridge, by their keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote_plus

from joytify_discord.aws_notation import Place, error_text, parse_time, place_of
from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft, DraftField, listed
from joytify_discord.rendering.json_values import first_of, get_list, get_path, get_value, select_fields
from joytify_discord.rendering.kinds.data import by_rds_text
from joytify_discord.rendering.links import log_page, page
from joytify_discord.rendering.mail import ses
from joytify_discord.rendering.severity import severity_of_text, severity_of_word, worst
from joytify_discord.rendering.text import Authored


def sns_json(value: object, origin: Origin) -> Draft | None:
    """Return the draft for JSON of a known shape, or None."""
    shown = (render(value, origin) for keys, render in SHAPES if isinstance(value, dict) and keys <= value.keys())
    return next(filter(None, shown), None)


def _destination(value: dict[str, Any], origin: Origin) -> Draft:
    arn = get_path(value, "requestContext.functionArn")
    name = arn.split(":function:")[-1].split(":")[0] or get_path(value, "requestContext.functionName")
    failed = get_path(value, "requestContext.condition") != "Success"
    fields = {
        "Error": "responsePayload.errorType",
        "Condition": "requestContext.condition",
        "Attempts": "requestContext.approximateInvokeCount",
        "Request": "requestContext.requestId",
    }
    what = "failed, and Lambda gave up on the event" if failed else "ran"
    next_step = "It is not retried: fix the cause, then invoke the function with requestPayload from message.txt."
    place = place_of(arn) or origin.place
    return Draft(
        severity=FAILURE if failed else SUCCESS,
        title=f"{name or 'A function'} {what}",
        description=get_path(value, "responsePayload.errorMessage"),
        fields=[*select_fields(value, fields), DraftField("What next", next_step if failed else "", inline=False)],
        url=log_page(place, name),
        place=place,
        attach=failed,
    )


def _custom(value: dict[str, Any], _origin: Origin) -> Draft:
    steps = "\n".join(f"- {step}" for step in get_list(value, "content.nextSteps"))
    context = get_value(value, "metadata.additionalContext")
    fields = [
        *select_fields(value, {"Summary": "metadata.summary", "Type": "metadata.eventType"}),
        DraftField("What next", steps, inline=False),
        *(DraftField(str(key), str(inner)) for key, inner in (context.items() if isinstance(context, dict) else ())),
    ]
    title, text = get_path(value, "content.title") or "Custom notification", get_path(value, "content.description")
    # A person wrote this text for a chat, so it is shown as Markdown.
    severity = severity_of_text(f"{title}\n{text}")
    return Draft(severity=severity, title=title, description=Authored(text), fields=fields)


def _cost_anomaly(value: dict[str, Any], _origin: Origin) -> Draft:
    fields = {
        "Total impact": "impact.totalImpact",
        "Maximum impact per day": "impact.maxImpact",
        "Began": "anomalyStartDate",
    }
    causes = [
        " in ".join(filter(None, (get_path(cause, "service"), get_path(cause, "region"))))
        for cause in get_list(value, "rootCauses")
    ]
    link = get_path(value, "anomalyDetailsLink")
    impact = get_path(value, "impact.totalImpact") or "unknown"
    title = f"Cost anomaly: {impact} USD {get_path(value, 'rootCauses.0.service')}"
    return Draft(
        severity=WARNING,
        title=title.rstrip(),
        fields=[*select_fields(value, fields), DraftField("Causes", "\n".join(causes), inline=False)],
        url=link,
        place=Place("", get_path(value, "accountId")),
    )


def _auto_scaling(value: dict[str, Any], origin: Origin) -> Draft:
    event = get_path(value, "Event")
    severity = FAILURE if event.endswith("_ERROR") else INFORMATION
    group = get_path(value, "AutoScalingGroupName")
    place = place_of(get_path(value, "AutoScalingGroupARN")) or origin.place
    return Draft(
        severity=severity,
        title=f"Auto Scaling {group}: {event.removeprefix('autoscaling:').replace('_', ' ').lower()}",
        description=first_of(value, "Description|Cause") if severity == FAILURE else get_path(value, "Cause"),
        fields=list(
            select_fields(value, {"Instance": "EC2InstanceId", "Status": "StatusCode", "Why": "StatusMessage"})
        ),
        url=page(place, f"ec2/home?region={{region}}#AutoScalingGroupDetails:id={quote(group, safe='')}"),
        place=Place(place.region, get_path(value, "AccountId")),
    )


def _code_deploy(value: dict[str, Any], _origin: Origin) -> Draft:
    place = Place(get_path(value, "region"), get_path(value, "accountId"))
    fields = {
        "Group": "deploymentGroupName",
        "Trigger": "eventTriggerName",
        "Began": "createTime",
        "Ended": "completeTime",
        "Deployment": "deploymentId",
    }
    return Draft(
        severity=severity_of_word(get_path(value, "status")),
        title=f"Deployment of {get_path(value, 'applicationName')}: {get_path(value, 'status').lower()}",
        description=error_text(get_path(value, "errorInformation")),
        fields=list(select_fields(value, fields)),
        url=page(place, f"codesuite/codedeploy/deployments/{get_path(value, 'deploymentId')}?region={{region}}"),
        place=place,
    )


def _s3(value: dict[str, Any], origin: Origin) -> Draft | None:
    records = get_list(value, "Records")
    if not records or not all(isinstance(record, dict) and "s3" in record for record in records):
        return None
    first = records[0]
    names = [unquote_plus(get_path(each, "s3.object.key")) for each in records]
    place = Place(get_path(first, "awsRegion") or origin.place.region)
    bucket = get_path(first, "s3.bucket.name")
    event = get_path(first, "eventName")
    # A lost object, a failed replication, or a replication that missed its time threshold.
    severity = WARNING if any(word in event for word in ("Failed", "Lost", "Missed")) else INFORMATION
    return Draft(
        severity=severity,
        title=f"{bucket}: {event} {names[0] if len(names) == 1 else f'{len(names)} objects'}",
        fields=[
            DraftField("Objects", listed(names), inline=False),
            *select_fields(first, {"Bytes": "s3.object.size", "By": "userIdentity.principalId", "At": "eventTime"}),
        ],
        url=page(place, f"s3/buckets/{bucket}?region={{region}}"),
        place=place,
    )


def _database(value: dict[str, Any], _origin: Origin) -> Draft:
    """Return the draft for RDS, DMS or Redshift, whose formats differ only in a few keys."""
    text, event = get_path(value, "Event Message"), get_path(value, "Event ID").rpartition("#")[2]
    product = event.partition("-")[0] if "-EVENT-" in event else "Redshift" if "Severity" in value else "RDS"
    place = place_of(get_path(value, "Source ARN")) or _place_of_link(get_path(value, "Identifier Link"))
    link = get_path(value, "Identifier Link")
    name = first_of(value, "Source ID|SourceId|Resource")
    return Draft(
        severity=worst([by_rds_text(text), severity_of_word(get_path(value, "Severity"))]),
        title=f"{product} {name}: {text}",
        fields=[*select_fields(value, {"Source": "Event Source"}), DraftField("Event", event)],
        # The time is in UTC, but has no zone.
        timestamp=parse_time(get_path(value, "Event Time").strip().replace(" ", "T") + "Z"),
        url=link,
        place=place,
    )


def _place_of_link(link: str) -> Place:
    region = re.search(r"[?&]region=([a-z0-9-]+)", link)
    return Place(region[1] if region else "")


def _approval(value: dict[str, Any], _origin: Origin) -> Draft:
    place = Place(get_path(value, "region"))
    fields = {
        "Stage": "approval.stageName",
        "Comment": "approval.customData",
        "Expires": "approval.expires",
        "Review": "approval.externalEntityLink",
    }
    pipeline = get_path(value, "approval.pipelineName")
    return Draft(
        severity=WARNING,
        title=f"Pipeline {pipeline}: {get_path(value, 'approval.actionName')} is waiting for approval",
        fields=list(select_fields(value, fields)),
        url=page(place, f"codesuite/codepipeline/pipelines/{quote(pipeline)}/view"),
        place=place,
    )


# The keys that identify each kind of message.
SHAPES: tuple[tuple[set[str], Callable[[dict[str, Any], Origin], Draft | None]], ...] = (
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    ({"requestContext", "requestPayload"}, _destination),
    # https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    ({"version", "source", "content"}, _custom),
    # https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html
    ({"anomalyId", "impact"}, _cost_anomaly),
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-sns-notifications.html
    ({"AutoScalingGroupName", "Event"}, _auto_scaling),
    # https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html
    ({"deploymentId", "eventTriggerName", "status"}, _code_deploy),
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html
    ({"approval", "consoleLink"}, _approval),
    # https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
    ({"notificationType", "mail"}, ses),
    ({"eventType", "mail"}, ses),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    ({"Records"}, _s3),
    # RDS, DMS and Redshift: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
    ({"Event Source", "Event Message"}, _database),
)
