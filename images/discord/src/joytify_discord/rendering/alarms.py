"""Render CloudWatch alarms from SNS and EventBridge: metric, composite, anomaly, math."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from joytify_discord.aws_notation import Place, in_words, parse_time, partition_of, place_of, resource_of, without_arns
from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING, Incident, Severity
from joytify_discord.parsing import Alarm, EventBridgeEvent
from joytify_discord.rendering.draft import Draft, DraftField, listed
from joytify_discord.rendering.json_values import get_list, get_path, get_value
from joytify_discord.rendering.links import alarm_page
from joytify_discord.rendering.text import Authored, duration, percent, size, time_of

BY_EVENTBRIDGE = {"CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"}
STATES = {
    "ALARM": (FAILURE, "Alarm"),
    "OK": (SUCCESS, "Resolved"),
    "INSUFFICIENT_DATA": (WARNING, "No data"),
}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
UNITS: dict[str, Callable[[float], str]] = {
    "Milliseconds": duration,
    "Seconds": lambda value: duration(1000 * value),
    "Bytes": lambda value: size(round(value)),
    "Percent": percent,
}
COMPARISONS = {
    "GreaterThanThreshold": "above",
    "GreaterThanOrEqualToThreshold": "at or above",
    "LessThanThreshold": "below",
    "LessThanOrEqualToThreshold": "at or below",
    "GreaterThanUpperThreshold": "above the expected band",
    "LessThanLowerThreshold": "below the expected band",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside the expected band",
}


def from_event(event: EventBridgeEvent) -> Alarm:
    """Return the alarm of an EventBridge event, as CloudWatch would publish it to SNS."""
    detail = event.detail
    return Alarm(
        name=get_path(detail, "alarmName"),
        state=get_path(detail, "state.value"),
        description=get_path(detail, "configuration.description"),
        old_state=get_path(detail, "previousState.value"),
        reason=get_path(detail, "state.reason"),
        # This timestamp equals the timestamp in SNS to the millisecond. With another timestamp, one
        # of the two messages about the same change would count as older.
        changed_at=parse_time(get_path(detail, "state.timestamp")) or event.at,
        arn=event.resources[0] if event.resources else "",
        account=event.account,
        region=event.region,
        rule=get_path(detail, "configuration.alarmRule"),
        trigger={"Metrics": get_list(detail, "configuration.metrics")},
        children=_children(get_path(detail, "state.reasonData")),
        suppressed_by=get_path(detail, "state.actionsSuppressedBy")
        or resource_of(get_path(detail, "muteDetail.mutedByArn")),
        contributor=_texts(get_value(detail, "alarmContributor.attributes")),
    )


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def _children(reason: str) -> list[object]:
    try:
        return get_list(json.loads(reason), "triggeringAlarms")
    except ValueError:
        return []


def alarm(message: Alarm, topic: Place) -> Draft:
    """Return the draft for an alarm that changed its state.

    Args:
        message: the alarm.
        topic: place of the topic, used only if the alarm does not name its own.
    """
    at = _place(message, topic)
    severity, what = _state(message)
    # A time series can recover while the alarm lasts, so each series is an incident of its own.
    series = ", ".join(f"{key} {value}" for key, value in message.contributor.items())
    return Draft(
        severity=severity,
        title=f"{what}: {message.name}{f' ({series})' if series else ''}",
        # The description says what to do while the alarm lasts.
        description="" if severity == SUCCESS else Authored(in_words(message.description)),
        fields=[
            DraftField("Why", without_arns(message.reason), inline=False),
            *_watched(message),
            DraftField("Changed", time_of(message.changed_at)),
            DraftField("Previous state", (message.old_state or "unknown").replace("_", " ").lower()),
        ],
        timestamp=message.changed_at,
        url=alarm_page(at, message.name),
        incident=Incident(
            (f"alarm {at.account} {at.region} {message.name}{f' {series}' if series else ''}",),
            closes=message.state == "OK",
            since=message.changed_at,
        ),
        account=at.account,
        region=at.region,
    )


def _place(message: Alarm, topic: Place) -> Place:
    if (found := place_of(message.arn)) is not None:
        return found
    region = message.region or topic.region
    return Place(partition_of(region), region, message.account or topic.account)


def _state(message: Alarm) -> tuple[Severity, str]:
    # A change from missing data to OK resolves nothing.
    if message.state == "OK" and message.old_state == "INSUFFICIENT_DATA":
        return SUCCESS, "OK"
    return STATES.get(message.state, (INFORMATION, message.state))


def _watched(message: Alarm) -> Iterator[DraftField]:
    """Yield the fields that describe the alarm's metrics, rule and threshold."""
    if children := [child for child in map(_child, message.children) if child]:
        yield DraftField("Triggered by", listed(children), inline=False)
    if message.suppressed_by:
        yield DraftField("Actions suppressed by", message.suppressed_by)
    if message.rule:
        yield DraftField("Rule", without_arns(message.rule), inline=False)
    trigger: Any = message.trigger
    if metrics := list(_metrics(trigger)):
        yield DraftField("Watches", listed(metrics), inline=False)
    if comparison := COMPARISONS.get(get_path(trigger, "ComparisonOperator")):
        # An anomaly band has no threshold of its own.
        yield DraftField("Threshold", comparison if "band" in comparison else f"{comparison} {_threshold(trigger)}")


def _threshold(trigger: Any) -> str:  # noqa: ANN401 - JSON
    """Return the threshold as text, in the unit of the metric."""
    text = get_path(trigger, "Threshold")
    unit = get_path(trigger, "Unit")
    if (get_path(trigger, "Namespace"), get_path(trigger, "MetricName")) == ("AWS/Lambda", "Duration"):
        unit = "Milliseconds"
    try:
        value = float(text)
        return UNITS[unit](value) if unit in UNITS else f"{value:,.10g}"
    except (ValueError, OverflowError):
        return text


def _metrics(trigger: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if name := get_path(trigger, "MetricName"):
        dimensions = get_list(trigger, "Dimensions")
        values = [get_path(each, "value") or get_path(each, "Value") for each in dimensions]
        yield _metric(get_path(trigger, "Namespace"), name, values)
    for entry in get_list(trigger, "Metrics"):
        # Keys begin with an upper-case letter in SNS, with a lower-case letter in EventBridge.
        if expression := get_path(entry, "Expression") or get_path(entry, "expression"):
            if not expression.startswith("ANOMALY_DETECTION_BAND"):
                label = get_path(entry, "Label") or get_path(entry, "label")
                yield f"{label}: {expression}" if label else expression
            continue
        metric = get_value(entry, "MetricStat.Metric") or get_value(entry, "metricStat.metric")
        if name := get_path(metric, "MetricName") or get_path(metric, "name"):
            by_name = get_value(metric, "dimensions")
            dimensions = get_list(metric, "Dimensions") or get_list(metric, "dimensions")
            values = [get_path(each, "value") or get_path(each, "Value") for each in dimensions]
            values += [str(value) for value in by_name.values()] if isinstance(by_name, dict) else []
            account = get_path(entry, "AccountId") or get_path(entry, "accountId")
            named = _metric(get_path(metric, "Namespace") or get_path(metric, "namespace"), name, values)
            yield f"{named} in account {account}" if account else named


def _metric(namespace: str, name: str, values: list[str]) -> str:
    of = ", ".join(filter(None, values))
    return f"{namespace} {name}".strip() + (f" of {of}" if of else "")


def _child(child: Any) -> str:  # noqa: ANN401 - JSON
    name = resource_of(get_path(child, "Arn") or get_path(child, "arn"))
    state = get_path(child, "State.Value") or get_path(child, "state.value")
    return f"{name}: {state}" if name and state else name
