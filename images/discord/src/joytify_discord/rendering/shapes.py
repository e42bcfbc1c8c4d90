"""JSON messages that come to the topic without EventBridge, one function for each of parsing.SHAPES."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from joytify_discord.limits import Embed, EmbedField
from joytify_discord.rendering.links import function_link
from joytify_discord.rendering.style import FAILURE, INFORMATION, SUCCESS, WARNING
from joytify_discord.rendering.text import escape
from joytify_discord.rendering.values import chosen, look

if TYPE_CHECKING:
    from joytify_discord.parsing import Known, Origin


def known(message: Known, origin: Origin) -> Embed:
    """Return the embed for a message of a known shape."""
    return {
        "destination": _destination,
        "custom": _custom,
        "cost anomaly": _cost_anomaly,
        "auto scaling": _auto_scaling,
    }[message.kind](message.value, origin)


def _destination(value: dict[str, Any], origin: Origin) -> Embed:
    arn = look(value, "requestContext.functionArn").replace("\\", "")
    name = arn.split(":function:")[-1].split(":")[0]
    failed = look(value, "requestContext.condition") != "Success"
    fields = {
        "Error": "responsePayload.errorType",
        "Condition": "requestContext.condition",
        "Attempts": "requestContext.approximateInvokeCount",
        "Request": "requestContext.requestId",
    }
    told = "was given up by Lambda" if failed else "ran"
    next_step = "Nobody retries it any more: mend the cause, then invoke it again with the event in message.txt."
    return Embed(
        title=f"{(FAILURE if failed else SUCCESS).symbol} {escape(name) or 'A function'} {told}",
        color=(FAILURE if failed else SUCCESS).color,
        description=look(value, "responsePayload.errorMessage"),
        fields=[
            *chosen(value, fields),
            *([EmbedField("What next", next_step, inline=False)] if failed else []),
        ],
        url=function_link(origin, name),
        is_alert=failed,
        full=json.dumps(value, indent=2, ensure_ascii=False),
        attach=failed,
    )


def _custom(value: dict[str, Any], _origin: Origin) -> Embed:
    steps = (value.get("content") or {}).get("nextSteps")
    fields = list(chosen(value, {"Summary": "metadata.summary", "Type": "metadata.eventType"}))
    if isinstance(steps, list) and steps:
        fields.append(EmbedField("What next", "\n".join(f"- {escape(str(step))}" for step in steps), inline=False))
    context = (value.get("metadata") or {}).get("additionalContext")
    if isinstance(context, dict):
        fields.extend(EmbedField(escape(str(key)), escape(str(inner))) for key, inner in context.items())
    return Embed(
        title=f"{INFORMATION.symbol} {look(value, 'content.title') or 'Custom notification'}",
        color=INFORMATION.color,
        description=look(value, "content.description"),
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
    link = look(value, "anomalyDetailsLink").replace("\\", "")
    return Embed(
        title=f"{WARNING.symbol} Cost anomaly: {look(value, 'impact.totalImpact') or 'unknown'} USD "
        f"{look(value, 'rootCauses.0.service')}".rstrip(),
        color=WARNING.color,
        fields=list(chosen(value, fields)),
        url=link if link.startswith("https://") else "",
        is_alert=True,
        full=json.dumps(value, indent=2, ensure_ascii=False),
    )


def _auto_scaling(value: dict[str, Any], _origin: Origin) -> Embed:
    failed = look(value, "Event").replace("\\", "").endswith("_ERROR")
    severity = FAILURE if failed else INFORMATION
    event = look(value, "Event").replace("\\", "").removeprefix("autoscaling:").replace("_", " ").lower()
    fields = {"Instance": "EC2InstanceId", "Status": "StatusCode", "Why": "StatusMessage"}
    return Embed(
        title=f"{severity.symbol} Auto Scaling {look(value, 'AutoScalingGroupName')}: {escape(event)}",
        color=severity.color,
        description=look(value, "Cause"),
        fields=list(chosen(value, fields)),
        is_alert=failed,
        full=json.dumps(value, indent=2, ensure_ascii=False),
    )
