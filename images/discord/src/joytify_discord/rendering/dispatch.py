"""Render a received message as an embed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo

from loguru import logger

from joytify_common.messages import CleanupError, CleanupSummary, Message, MonthlyStatsError, MonthlyStatsSummary
from joytify_discord.aws_notation import json_in, place_in
from joytify_discord.embed import Embed
from joytify_discord.envelopes import without_tokens
from joytify_discord.parsing import Alarm, EventBridgeEvent, Origin, Received, Unknown
from joytify_discord.rendering import alarms, cleanup_posts, eventbridge, generic, sns_json, sns_text, stats_posts
from joytify_discord.rendering.draft import Draft
from joytify_discord.rendering.markdown import written

# Errors that a renderer may raise on values that the parser accepts: an odd type, the year 9999, a
# number of 400 digits.
RENDERING_ERRORS = (ValueError, ArithmeticError, TypeError, LookupError, OSError, AttributeError, RecursionError)


def render(received: Received, zone: ZoneInfo) -> Embed[str]:
    """Return the embed that shows the message; if its renderer fails, show the message as received.

    Args:
        received: one message from the event.
        zone: the operators' time zone.
    """
    try:
        return _embed(_draft(received), received, zone)
    except RENDERING_ERRORS as exc:
        logger.opt(exception=exc).warning("message could not be rendered as its kind")
    try:
        return _embed(generic.unknown(received.text, json_in(received.text), received.origin), received, zone)
    except RENDERING_ERRORS:
        return _embed(generic.unknown(received.text, None, received.origin), received, zone)


def _draft(received: Received) -> Draft:
    match received.content:
        case MonthlyStatsSummary() | MonthlyStatsError() as message:
            return stats_posts.stats_run(message, received.origin)
        case CleanupSummary() | CleanupError() as message:
            return cleanup_posts.cleanup_run(message, received.origin)
        case Alarm(value=value):
            return alarms.alarm(value, received.origin.place)
        case EventBridgeEvent() as event:
            is_alarm = event.kind in alarms.EVENTBRIDGE_KINDS
            topic = received.origin.place
            return alarms.alarm(alarms.from_event(event), topic) if is_alarm else eventbridge.eventbridge_event(event)
        case Unknown(value=value):
            text, origin = received.text, received.origin
            known = sns_text.sns_text(text, origin) if value is None else sns_json.sns_json(value, origin)
            return known or generic.unknown(text, value, origin)


def _embed(draft: Draft, received: Received, zone: ZoneInfo) -> Embed[str]:
    """Return the embed.

    An account or region that the draft lacks comes from an ARN in the message, else from the topic; a missing
    timestamp is the time when the message was published.
    """
    origin: Origin = received.origin
    # JSON that is not one of our own messages may name a resource by an ARN, which gives the place; our own messages
    # and plain text get the topic's place.
    may_name_place = not (isinstance(received.content, Message) or received.content == Unknown())
    named = place_in(received.text) if may_name_place else None
    at = named or origin.place
    where = (draft.place.account or at.account, draft.place.region or at.region)
    if draft.severity.reason:
        logger.info("severity decided", title=draft.title, severity=draft.severity.symbol, reason=draft.severity.reason)
    footer = " · ".join(dict.fromkeys(filter(None, (draft.footer, *where))))
    shown = replace(draft, fields=[field for field in draft.fields if field.value], footer=footer)
    return replace(
        written(shown, zone),
        # For our own messages `full` returns an empty text, so that the embed's text is attached if the embed is cut.
        full=str if isinstance(received.content, Message) else partial(_full, received.text),
        timestamp=draft.timestamp or origin.sent_at,
    )


def _full(text: str) -> str:
    # Parsing JSON decodes escaped letters, so a key that names a secret may become recognizable only here.
    return without_tokens(generic.whole(text, json_in(text)))
