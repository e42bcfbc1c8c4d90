"""JSON messages that come to the topic without EventBridge, one function for each of parsing.SHAPES."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from joytify_discord.embed import Embed, EmbedField
from joytify_discord.rendering.links import function_link
from joytify_discord.rendering.style import FAILURE, INFORMATION, SUCCESS, WARNING
from joytify_discord.rendering.text import escape
from joytify_discord.rendering.values import get_path, select_fields

if TYPE_CHECKING:
    from joytify_discord.parsing import Origin, SnsJson


def sns_json(message: SnsJson, origin: Origin) -> Embed:
    """Return the embed for a message of a known shape."""
    return RENDERERS[message.kind](message.value, origin)


def _destination(value: dict[str, Any], origin: Origin) -> Embed:
    arn = get_path(value, "requestContext.functionArn").replace("\\", "")
    name = arn.split(":function:")[-1].split(":")[0]
    failed = get_path(value, "requestContext.condition") != "Success"
    fields = {
        "Error": "responsePayload.errorType",
        "Condition": "requestContext.condition",
        "Attempts": "requestContext.approximateInvokeCount",
        "Request": "requestContext.requestId",
    }
    what = "was given up by Lambda" if failed else "ran"
    next_step = "Nobody retries it any more: fix the cause, then invoke it again with the event in message.txt."
    return Embed(
        title=f"{(FAILURE if failed else SUCCESS).symbol} {escape(name) or 'A function'} {what}",
        color=(FAILURE if failed else SUCCESS).color,
        description=get_path(value, "responsePayload.errorMessage"),
        fields=[
            *select_fields(value, fields),
            *([EmbedField("What next", next_step, inline=False)] if failed else []),
        ],
        url=function_link(origin, name),
        is_alert=failed,
        full=json.dumps(value, indent=2, ensure_ascii=False),
        attach=failed,
    )


def _custom(value: dict[str, Any], _origin: Origin) -> Embed:
    steps = (value.get("content") or {}).get("nextSteps")
    fields = list(select_fields(value, {"Summary": "metadata.summary", "Type": "metadata.eventType"}))
    if isinstance(steps, list) and steps:
        fields.append(EmbedField("What next", "\n".join(f"- {escape(str(step))}" for step in steps), inline=False))
    context = (value.get("metadata") or {}).get("additionalContext")
    if isinstance(context, dict):
        fields.extend(EmbedField(escape(str(key)), escape(str(inner))) for key, inner in context.items())
    return Embed(
        title=f"{INFORMATION.symbol} {get_path(value, 'content.title') or 'Custom notification'}",
        color=INFORMATION.color,
        description=get_path(value, "content.description"),
        fields=fields,
        full=json.dumps(value, indent=2, ensure_ascii=False),
    )


def _cost_anomaly(value: dict[str, Any], _origin: Origin) -> Embed:
    fields = {
        "Impact in all": "impact.totalImpact",
        "Largest in a day": "impact.maxImpact",
        "Began": "anomalyStartDate",
        "Service": "rootCauses.0.service",
        "Region": "rootCauses.0.region",
        "Account": "accountId",
    }
    link = get_path(value, "anomalyDetailsLink").replace("\\", "")
    return Embed(
        title=f"{WARNING.symbol} Cost anomaly: {get_path(value, 'impact.totalImpact') or 'unknown'} USD "
        f"{get_path(value, 'rootCauses.0.service')}".rstrip(),
        color=WARNING.color,
        fields=list(select_fields(value, fields)),
        url=link if link.startswith("https://") else "",
        is_alert=True,
        full=json.dumps(value, indent=2, ensure_ascii=False),
    )


def _auto_scaling(value: dict[str, Any], _origin: Origin) -> Embed:
    failed = get_path(value, "Event").replace("\\", "").endswith("_ERROR")
    severity = FAILURE if failed else INFORMATION
    event = get_path(value, "Event").replace("\\", "").removeprefix("autoscaling:").replace("_", " ").lower()
    fields = {"Instance": "EC2InstanceId", "Status": "StatusCode", "Why": "StatusMessage"}
    return Embed(
        title=f"{severity.symbol} Auto Scaling {get_path(value, 'AutoScalingGroupName')}: {escape(event)}",
        color=severity.color,
        description=get_path(value, "Cause"),
        fields=list(select_fields(value, fields)),
        is_alert=failed,
        full=json.dumps(value, indent=2, ensure_ascii=False),
    )


RENDERERS = {
    "destination": _destination,
    "custom": _custom,
    "cost anomaly": _cost_anomaly,
    "auto scaling": _auto_scaling,
}
