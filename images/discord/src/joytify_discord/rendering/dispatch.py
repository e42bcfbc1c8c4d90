"""What arrived -> its embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loguru import logger

from joytify_common.messages import CleanupError, CleanupSummary, MonthlyStatsError, MonthlyStatsSummary
from joytify_discord.parsing import Alarm, Received, Unknown
from joytify_discord.rendering import alarms, generic, jobs

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from joytify_discord.limits import Embed


def render(received: Received, zone: ZoneInfo) -> Embed:
    """Return the embed that shows the message; one that its own renderer cannot show is shown as it came.

    Args:
        received: one record of the event.
        zone: the operators' time zone.
    """
    try:
        return _render(received, zone)
    except (ValueError, ArithmeticError, TypeError, LookupError, OSError) as exc:
        # A date in the year 9999 or a figure of 400 digits must not cost the message.
        logger.opt(exception=exc).warning("message could not be rendered by its kind")
        content = received.content
        text = content.text if isinstance(content, Unknown) else content.model_dump_json(by_alias=True)
        return generic.unknown(Unknown(text=text), received.origin)


def _render(received: Received, zone: ZoneInfo) -> Embed:
    match received.content:
        case MonthlyStatsSummary() as message:
            return jobs.stats_summary(message, received.origin)
        case MonthlyStatsError() as message:
            return jobs.stats_error(message, received.origin)
        case CleanupSummary() as message:
            return jobs.cleanup_summary(message, received.origin, zone)
        case CleanupError() as message:
            return jobs.cleanup_error(message, received.origin, zone)
        case Alarm() as message:
            return alarms.alarm(message, received.origin, zone)
        case message:
            return generic.unknown(message, received.origin)
