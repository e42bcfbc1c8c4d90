"""CloudWatch alarms: metric, composite and anomaly band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joytify_discord.embed import Embed, EmbedField
from joytify_discord.rendering.links import alarm_link
from joytify_discord.rendering.style import FAILURE, INFORMATION, SUCCESS, WARNING
from joytify_discord.rendering.text import escape, format_timestamp
from joytify_discord.rendering.values import get_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from joytify_discord.parsing import Alarm, Origin

STATES = {
    "ALARM": (FAILURE, "Alarm"),
    "OK": (SUCCESS, "Resolved"),
    "INSUFFICIENT_DATA": (WARNING, "No data"),
}
COMPARISONS = {
    "GreaterThanThreshold": "above",
    "GreaterThanOrEqualToThreshold": "at or above",
    "LessThanThreshold": "below",
    "LessThanOrEqualToThreshold": "at or below",
    "GreaterThanUpperThreshold": "above the band of",
    "LessThanLowerThreshold": "below the band of",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside the band of",
}


def alarm(message: Alarm, origin: Origin, zone: ZoneInfo) -> Embed:
    """Return the embed for an alarm that changed its state."""
    severity, what = STATES.get(message.state, (INFORMATION, escape(message.state)))
    return Embed(
        title=f"{severity.symbol} {what}: {escape(message.name)}",
        color=severity.color,
        description=escape(message.description or ""),
        fields=[
            EmbedField("Was", escape(message.old_state or "unknown")),
            EmbedField("Changed", format_timestamp(message.changed_at, zone)),
            EmbedField("Why", escape(message.reason), inline=False),
            *_watched(message),
        ],
        timestamp=message.changed_at,
        url=alarm_link(origin, message.name),
        is_alert=True,
        incident=f"alarm {message.arn or message.name}",
        closes=message.state == "OK",
        since=message.changed_at,
        full=message.model_dump_json(by_alias=True, indent=2),
    )


def _watched(message: Alarm) -> Iterator[EmbedField]:
    """Yield what the alarm looks at."""
    if message.rule:
        yield EmbedField("Rule", escape(message.rule), inline=False)
    trigger: Any = message.trigger
    metric = get_path(trigger, "MetricName") or get_path(trigger, "Metrics.0.MetricStat.Metric.MetricName")
    if metric:
        comparison = COMPARISONS.get(str(trigger.get("ComparisonOperator")), "against")
        threshold = get_path(trigger, "Threshold") or get_path(trigger, "ThresholdMetricId")
        dimensions = trigger.get("Dimensions") or []
        of = ", ".join(get_path(d, "value") or get_path(d, "Value") for d in dimensions if isinstance(d, dict))
        yield EmbedField(
            "Watches", f"{metric}{f' of {of}' if of else ''}, {comparison} {threshold}".strip(), inline=False
        )
