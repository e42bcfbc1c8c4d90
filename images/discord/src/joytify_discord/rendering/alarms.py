"""Render CloudWatch alarms from SNS and EventBridge: metric, composite, anomaly, math."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from joytify_discord.aws_notation import Place, error_text, json_in, parse_time, place_of, resource_of, without_arns
from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING, Incidents
from joytify_discord.parsing import EventBridgeEvent
from joytify_discord.rendering.draft import Draft, DraftField, listed
from joytify_discord.rendering.json_values import first_of, get_list, get_path, get_value
from joytify_discord.rendering.links import page
from joytify_discord.rendering.text import UNKNOWN, Authored, duration, percent, size, time_of

EVENTBRIDGE_KINDS = {"CloudWatch Alarm State Change", "CloudWatch Alarm Contributor State Change"}
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


def from_event(event: EventBridgeEvent) -> dict[str, Any]:
    """Return an EventBridge event as one dict for `alarm`.

    It has the event's detail unchanged, and ARN, account, region and time from the envelope.
    """
    arn, at = next(iter(event.resources), ""), event.at.isoformat() if event.at else ""
    return {
        **event.detail,
        "AlarmArn": arn,
        "AWSAccountId": event.account,
        "eventRegion": event.region,
        "eventTime": at,
    }


def alarm(value: dict[str, Any], topic: Place) -> Draft:
    """Return the draft for an alarm that changed its state.

    Args:
        value: the alarm, as SNS, DescribeAlarms or EventBridge spell it.
        topic: place of the topic, used for a region or account that the alarm does not name.
    """
    account, region = get_path(value, "AWSAccountId"), get_path(value, "eventRegion")
    at = place_of(get_path(value, "AlarmArn")) or Place(region or topic.region, account or topic.account)
    name, state = first_of(value, "AlarmName|alarmName"), _state(value)
    earlier = first_of(value, "OldStateValue|previousState.value")
    reason = first_of(value, "NewStateReason|StateReason|state.reason")
    description = first_of(value, "AlarmDescription|configuration.description")
    changed_at, series = _changed_at(value), _series(value)
    # A change from missing data to OK resolves nothing.
    is_back_from_no_data = (state, earlier) == ("OK", "INSUFFICIENT_DATA")
    severity, what = (SUCCESS, "OK") if is_back_from_no_data else STATES.get(state, (INFORMATION, state))
    return Draft(
        severity=severity,
        title=f"{what}: {name}{f' ({series})' if series else ''}",
        # The description says what to do while the alarm lasts.
        description="" if severity == SUCCESS else Authored(error_text(description)),
        fields=[
            DraftField("Why", without_arns(reason) or UNKNOWN, inline=False),
            *_watched(value),
            DraftField("Changed", time_of(changed_at)),
            DraftField("Previous state", (earlier or "unknown").replace("_", " ").lower()),
        ],
        timestamp=changed_at,
        url=page(at, f"cloudwatch/home?region={{region}}#alarmsV2:alarm/{quote(name, safe='')}"),
        incidents=Incidents(
            (f"alarm {at.account} {at.region} {name}{f' {series}' if series else ''}",),
            closes=state == "OK",
            since=changed_at,
        ),
        place=at,
    )


def _state(value: dict[str, Any]) -> str:
    """Return the state from the key that the alarm's format uses.

    If this key has no value, the keys of other formats are not tried.
    """
    path = next((key for key in ("NewStateValue", "StateValue") if key in value), "state.value")
    return get_path(value, path)


def _changed_at(value: dict[str, Any]) -> datetime | None:
    # CloudWatch sends a change to SNS and EventBridge. Both messages contain the same timestamp of the state, to the
    # millisecond; the event's own time differs, so if it were used, one of the two messages would seem older.
    times = first_of(value, "StateChangeTime|StateUpdatedTimestamp|state.timestamp"), get_path(value, "eventTime")
    return next(filter(None, map(parse_time, times)), None)


def _series(value: dict[str, Any]) -> str:
    # A time series can recover while the alarm lasts, so each series is an incident of its own.
    contributor = get_value(value, "AlarmContributorAttributes") or get_value(value, "alarmContributor.attributes")
    return ", ".join(f"{key} {each}" for key, each in _items(contributor))


def _items(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()


def _watched(value: dict[str, Any]) -> list[DraftField]:
    """Return the fields that describe the alarm's metrics, rule and threshold."""
    trigger = get_value(value, "Trigger") or value
    children = get_list(value, "TriggeringChildren") or get_list(
        json_in(get_path(value, "state.reasonData")), "triggeringAlarms"
    )
    muted_by = first_of(value, "ActionsSuppressedBy|state.actionsSuppressedBy|muteDetail.mutedByArn")
    comparison = COMPARISONS.get(get_path(trigger, "ComparisonOperator"), "")
    # An anomaly band has no threshold of its own.
    has_threshold = comparison and "band" not in comparison
    metrics = _metrics(trigger, get_list(trigger, "Metrics") or get_list(value, "configuration.metrics"))
    return [
        DraftField("Triggered by", listed(list(filter(None, map(_child, children)))), inline=False),
        DraftField("Actions suppressed by", resource_of(muted_by)),
        DraftField("Rule", without_arns(first_of(value, "AlarmRule|configuration.alarmRule")), inline=False),
        DraftField("Watches", listed(list(metrics)), inline=False),
        DraftField("Threshold", f"{comparison} {_threshold(trigger)}" if has_threshold else comparison),
    ]


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


def _metrics(trigger: object, entries: list[object]) -> Iterator[str]:
    if named := _metric(trigger):
        yield named
    for entry in entries:
        # Keys begin with an upper-case letter in SNS, with a lower-case letter in EventBridge.
        if expression := first_of(entry, "Expression|expression"):
            if not expression.startswith("ANOMALY_DETECTION_BAND"):
                yield ": ".join(filter(None, (first_of(entry, "Label|label"), expression)))
        elif named := _metric(get_value(entry, "MetricStat.Metric") or get_value(entry, "metricStat.metric")):
            account = first_of(entry, "AccountId|accountId")
            yield f"{named} in account {account}" if account else named


def _metric(metric: Any) -> str:  # noqa: ANN401 - JSON
    """Return the name of a metric with its dimensions; empty without a name."""
    if not (name := first_of(metric, "MetricName|name")):
        return ""
    values = [
        first_of(each, "value|Value") for each in get_list(metric, "Dimensions") or get_list(metric, "dimensions")
    ]
    values += [str(each) for _, each in _items(get_value(metric, "dimensions"))]
    of = ", ".join(filter(None, values))
    return f"{first_of(metric, 'Namespace|namespace')} {name}".strip() + (f" of {of}" if of else "")


def _child(child: Any) -> str:  # noqa: ANN401 - JSON
    name, state = resource_of(first_of(child, "Arn|arn")), first_of(child, "State.Value|state.value")
    return f"{name}: {state}" if name and state else name
