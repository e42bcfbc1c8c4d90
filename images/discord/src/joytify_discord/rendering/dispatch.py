"""What arrived -> its embed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from loguru import logger

from joytify_common.messages import CleanupError, CleanupSummary, MonthlyStatsError, MonthlyStatsSummary
from joytify_discord.parsing import Alarm, EventBridgeEvent, Received, SnsJson, Unknown
from joytify_discord.rendering import alarms, eventbridge, generic, jobs, sns_json

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from joytify_discord.embed import Embed

# The parser lets through what a renderer may still stumble over: an odd type, a year 9999, a figure of 400 digits.
STUMBLES = (ValueError, ArithmeticError, TypeError, LookupError, OSError, AttributeError, RecursionError)


def render(received: Received, zone: ZoneInfo) -> Embed:
    """Return the embed that shows the message; one that its own renderer cannot show is shown as it came.

    Args:
        received: one record of the event.
        zone: the operators' time zone.
    """
    try:
        return _render(received, zone)
    except STUMBLES as exc:
        logger.opt(exception=exc).warning("message could not be rendered by its kind")
    try:
        return generic.unknown(received.text, json.loads(received.text), received.origin)
    except STUMBLES:
        return generic.unknown(received.text, None, received.origin)


def _render(received: Received, zone: ZoneInfo) -> Embed:
    origin = received.origin
    match received.content:
        case MonthlyStatsSummary() | MonthlyStatsError() | CleanupSummary() | CleanupError() as message:
            return jobs.job(message, origin, zone)
        case Alarm() as message:
            return alarms.alarm(message, origin, zone)
        case EventBridgeEvent() as message:
            return eventbridge.eventbridge_event(message, zone)
        case SnsJson() as message:
            return sns_json.sns_json(message, origin)
        case Unknown() as message:
            return generic.unknown(message.text, message.value, origin)
