"""What arrived -> its embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joytify_common.messages import CleanupError, CleanupSummary, MonthlyStatsError, MonthlyStatsSummary
from joytify_discord.parsing import Alarm, Received
from joytify_discord.rendering import alarms, generic, jobs

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from joytify_discord.limits import Embed


def render(received: Received, zone: ZoneInfo) -> Embed:
    """Return the embed that shows the message.

    Args:
        received: one record of the event.
        zone: the operators' time zone.
    """
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
