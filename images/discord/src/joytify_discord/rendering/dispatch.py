"""Render a received message as an embed."""

from __future__ import annotations

import json
from dataclasses import replace
from zoneinfo import ZoneInfo

from loguru import logger

from joytify_common.messages import CleanupError, CleanupSummary, MonthlyStatsError, MonthlyStatsSummary
from joytify_discord.aws_notation import place_in
from joytify_discord.embed import Embed
from joytify_discord.parsing import Alarm, EventBridgeEvent, Origin, Received, SnsJson, Unknown
from joytify_discord.rendering import alarms, cleanup_posts, eventbridge, generic, sns_json, sns_text, stats_posts
from joytify_discord.rendering.draft import Draft
from joytify_discord.rendering.markdown import written
from joytify_discord.rendering.pretty import pretty

OWN = (CleanupError, CleanupSummary, MonthlyStatsError, MonthlyStatsSummary)
# Errors that a renderer may raise on values that the parser accepts: an odd type, the year 9999, a
# number of 400 digits.
STUMBLES = (ValueError, ArithmeticError, TypeError, LookupError, OSError, AttributeError, RecursionError)


def render(received: Received, zone: ZoneInfo) -> Embed[str]:
    """Return the embed that shows the message; if its renderer fails, show the message as received.

    Args:
        received: one record of the event.
        zone: the operators' time zone.
    """
    try:
        return _embed(_draft(received), received, zone)
    except STUMBLES as exc:
        logger.opt(exception=exc).warning("message could not be rendered as its kind")
    try:
        return _embed(generic.unknown(received.text, json.loads(received.text), received.origin), received, zone)
    except STUMBLES:
        return _embed(generic.unknown(received.text, None, received.origin), received, zone)


def _draft(received: Received) -> Draft:
    match received.content:
        case MonthlyStatsSummary() | MonthlyStatsError() as message:
            return stats_posts.stats_run(message, received.origin)
        case CleanupSummary() | CleanupError() as message:
            return cleanup_posts.cleanup_run(message, received.origin)
        case Alarm() as message:
            return _alarm(message, received)
        case EventBridgeEvent() as event:
            by_alarm = event.kind in alarms.BY_EVENTBRIDGE
            return _alarm(alarms.from_event(event), received) if by_alarm else _event(event, received)
        case SnsJson() as message:
            return sns_json.sns_json(message, received.origin)
        case Unknown() as message:
            known = sns_text.sns_text(message.text, received.origin) if message.value is None else None
            return known or generic.unknown(message.text, message.value, received.origin)


def _event(event: EventBridgeEvent, received: Received) -> Draft:
    return eventbridge.eventbridge_event(event, _whole(received.text))


def _alarm(message: Alarm, received: Received) -> Draft:
    return replace(alarms.alarm(message, received.origin.place), full=_whole(received.text))


def _whole(text: str) -> str:
    """Pretty-print JSON; return other text unchanged."""
    try:
        return pretty(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _embed(draft: Draft, received: Received, zone: ZoneInfo) -> Embed[str]:
    """Return the embed; account, region and time are the topic's unless the message names them."""
    origin: Origin = received.origin
    # Plain text gets the topic's place; JSON names the place of the resource that it is about.
    is_json = not (isinstance(received.content, OWN) or getattr(received.content, "value", {}) is None)
    named = place_in(received.text) if is_json else None
    at = named or origin.place
    where = (draft.account or at.account, draft.region or at.region)
    if draft.severity.reason:
        logger.info("severity decided", title=draft.title, severity=draft.severity.symbol, reason=draft.severity.reason)
    footer = " · ".join(dict.fromkeys(filter(None, (draft.footer, *where))))
    return written(replace(draft, footer=footer, timestamp=draft.timestamp or origin.sent_at), zone)
