"""Render JSON messages that are sent without EventBridge, by their kind in parsing.SHAPES."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote_plus

from joytify_discord.aws_notation import Place, parse_time, partition_of, place_of
from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING
from joytify_discord.parsing import Origin, SnsJson
from joytify_discord.rendering.draft import Draft, DraftField, json_draft, listed
from joytify_discord.rendering.json_values import first_of, get_list, get_path, select_fields
from joytify_discord.rendering.kinds.data import by_rds_text
from joytify_discord.rendering.links import log_group_page, page
from joytify_discord.rendering.mail import ses
from joytify_discord.rendering.severity import severity_of_text, severity_of_word, worst
from joytify_discord.rendering.text import Authored


def sns_json(message: SnsJson, origin: Origin) -> Draft:
    """Return the draft for a message of a known shape."""
    return RENDERERS[message.kind](message.value, origin)


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
    next_step = "It is not retried: fix the cause, then invoke the function with the event in message.txt."
    place = place_of(arn) or origin.place
    return json_draft(
        value,
        FAILURE if failed else SUCCESS,
        f"{name or 'A function'} {what}",
        description=get_path(value, "responsePayload.errorMessage"),
        fields=[
            *select_fields(value, fields),
            *([DraftField("What next", next_step, inline=False)] if failed else []),
        ],
        url=log_group_page(place, name),
        account=place.account,
        region=place.region,
        attach=failed,
    )


def _custom(value: dict[str, Any], _origin: Origin) -> Draft:
    fields = list(select_fields(value, {"Summary": "metadata.summary", "Type": "metadata.eventType"}))
    if steps := get_list(value, "content.nextSteps"):
        fields.append(DraftField("What next", "\n".join(f"- {step}" for step in steps), inline=False))
    context = (value.get("metadata") or {}).get("additionalContext")
    if isinstance(context, dict):
        fields.extend(DraftField(str(key), str(inner)) for key, inner in context.items())
    title, text = get_path(value, "content.title") or "Custom notification", get_path(value, "content.description")
    # A person wrote this text for a chat, so it is shown as Markdown.
    severity = severity_of_text(f"{title}\n{text}")
    return json_draft(value, severity, title, description=Authored(text), fields=fields)


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
    return json_draft(
        value,
        WARNING,
        title.rstrip(),
        fields=[
            *select_fields(value, fields),
            *([DraftField("Causes", "\n".join(causes), inline=False)] if causes else []),
        ],
        url=link,
        account=get_path(value, "accountId"),
    )


def _auto_scaling(value: dict[str, Any], origin: Origin) -> Draft:
    event = get_path(value, "Event")
    severity = FAILURE if event.endswith("_ERROR") else INFORMATION
    group = get_path(value, "AutoScalingGroupName")
    place = place_of(get_path(value, "AutoScalingGroupARN")) or origin.place
    return json_draft(
        value,
        severity,
        f"Auto Scaling {group}: {event.removeprefix('autoscaling:').replace('_', ' ').lower()}",
        description=first_of(value, "Description|Cause") if severity == FAILURE else get_path(value, "Cause"),
        fields=list(
            select_fields(value, {"Instance": "EC2InstanceId", "Status": "StatusCode", "Why": "StatusMessage"})
        ),
        url=page(place, f"ec2/home?region={{region}}#AutoScalingGroupDetails:id={quote(group, safe='')}"),
        account=get_path(value, "AccountId"),
        region=place.region,
    )


def _code_deploy(value: dict[str, Any], _origin: Origin) -> Draft:
    region = get_path(value, "region")
    fields = {
        "Group": "deploymentGroupName",
        "Trigger": "eventTriggerName",
        "Began": "createTime",
        "Ended": "completeTime",
        "Deployment": "deploymentId",
    }
    return json_draft(
        value,
        severity_of_word(get_path(value, "status")),
        f"Deployment of {get_path(value, 'applicationName')}: {get_path(value, 'status').lower()}",
        description=_message(get_path(value, "errorInformation")),
        fields=list(select_fields(value, fields)),
        url=page(
            Place(partition_of(region), region),
            f"codesuite/codedeploy/deployments/{get_path(value, 'deploymentId')}?region={{region}}",
        ),
        account=get_path(value, "accountId"),
        region=region,
    )


def _message(text: str) -> str:
    """Return the message in CodeDeploy's error, which is JSON text; other text unchanged."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return get_path(found, "ErrorMessage") or text


def _s3(value: dict[str, Any], origin: Origin) -> Draft:
    records = get_list(value, "Records")
    first = records[0] if records else {}
    names = [unquote_plus(get_path(each, "s3.object.key")) for each in records]
    region = get_path(first, "awsRegion") or origin.place.region
    bucket = get_path(first, "s3.bucket.name")
    event = get_path(first, "eventName")
    # For example a lost object, a lost replica or a failed restore.
    severity = WARNING if any(word in event for word in ("Failed", "Lost", "Missed")) else INFORMATION
    return json_draft(
        value,
        severity,
        f"{bucket}: {event} {names[0] if len(names) == 1 else f'{len(names)} objects'}",
        fields=[
            DraftField("Objects", listed(names), inline=False),
            *select_fields(first, {"Bytes": "s3.object.size", "By": "userIdentity.principalId", "At": "eventTime"}),
        ],
        url=page(Place(partition_of(region), region), f"s3/buckets/{bucket}?region={{region}}"),
        region=region,
    )


def _database(value: dict[str, Any], _origin: Origin) -> Draft:
    """Return the draft for RDS, DMS or Redshift, whose formats differ only in a few keys."""
    text, event = get_path(value, "Event Message"), get_path(value, "Event ID").rpartition("#")[2]
    product = event.partition("-")[0] if "-EVENT-" in event else "Redshift" if "Severity" in value else "RDS"
    place = place_of(get_path(value, "Source ARN")) or _place_of_link(get_path(value, "Identifier Link"))
    link = get_path(value, "Identifier Link")
    name = first_of(value, "Source ID|SourceId|Resource")
    return json_draft(
        value,
        worst([by_rds_text(text), severity_of_word(get_path(value, "Severity"))]),
        f"{product} {name}: {text}",
        fields=[
            *select_fields(value, {"Source": "Event Source"}),
            *([DraftField("Event", event)] if event else []),
        ],
        # The time is in UTC, but has no zone.
        timestamp=parse_time(get_path(value, "Event Time").strip().replace(" ", "T") + "Z"),
        url=link,
        account=place.account,
        region=place.region,
    )


def _place_of_link(link: str) -> Place:
    region = re.search(r"[?&]region=([a-z0-9-]+)", link)
    return Place(partition_of(region[1]), region[1]) if region else Place()


def _approval(value: dict[str, Any], _origin: Origin) -> Draft:
    region = get_path(value, "region")
    fields = {
        "Stage": "approval.stageName",
        "Comment": "approval.customData",
        "Expires": "approval.expires",
        "Review": "approval.externalEntityLink",
    }
    pipeline = get_path(value, "approval.pipelineName")
    draft = json_draft(
        value,
        WARNING,
        f"Pipeline {pipeline}: {get_path(value, 'approval.actionName')} is waiting for approval",
        fields=list(select_fields(value, fields)),
        url=page(Place(partition_of(region), region), f"codesuite/codepipeline/pipelines/{quote(pipeline)}/view"),
        region=region,
    )
    # Do not attach the message: anybody could approve with the token in it.
    return replace(draft, full="")


RENDERERS = {
    "destination": _destination,
    "custom": _custom,
    "cost anomaly": _cost_anomaly,
    "auto scaling": _auto_scaling,
    "code deploy": _code_deploy,
    "ses notification": ses,
    "ses event": ses,
    "s3": _s3,
    "database": _database,
    "approval": _approval,
}
