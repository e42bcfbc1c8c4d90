"""CloudWatch alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joytify_discord.limits import Embed, EmbedField
from joytify_discord.rendering.links import alarm_link
from joytify_discord.rendering.style import FAILURE, INFORMATION, SUCCESS, WARNING
from joytify_discord.rendering.text import escape, moment

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from joytify_discord.parsing import Alarm, Origin

STATES = {
    "ALARM": (FAILURE, "Alarm"),
    "OK": (SUCCESS, "Resolved"),
    "INSUFFICIENT_DATA": (WARNING, "No data"),
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
            EmbedField("Changed", moment(message.changed_at, zone)),
            EmbedField("Why", escape(message.reason), inline=False),
        ],
        timestamp=message.changed_at,
        url=alarm_link(origin, message.name),
    )
