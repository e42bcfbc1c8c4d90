"""Lambda entry of the discord function: wiring only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from loguru import logger

from joytify_common import logs
from joytify_common.deadline import Deadline, LambdaContext
from joytify_common.errors import ConfigError, as_job_error
from joytify_common.secrets import Secret, read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_discord.delivery import Delivery
from joytify_discord.envelopes import parse_event
from joytify_discord.post_store import open_store
from joytify_discord.settings import CACHE_MINUTES, DiscordSettings
from joytify_discord.webhook import Webhook

URL_KEY, ALERTS_KEY, THREAD_KEY = "DISCORD_WEBHOOK_URL", "DISCORD_ALERTS_WEBHOOK_URL", "DISCORD_THREAD_ID"
ZONE_KEY = "DISCORD_TIMEZONE"
SELF_TEST = {"selfTest": True}
CACHE_SECONDS = 60 * CACHE_MINUTES

SETTINGS = load_settings(DiscordSettings)
logs.configure(SETTINGS.log_level)


def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Post every record of an SNS event and return the counts; an error makes Lambda retry."""
    with logger.contextualize(function=context.function_name, requestId=context.aws_request_id):
        try:
            return _post_all(event, context)
        except Exception as exc:  # noqa: BLE001 - raised again without library text
            failure = as_job_error(exc, "post")
            if event == SELF_TEST:
                # Raising an error here would trigger the function's error alarm.
                return {"error": str(failure)}
            logger.opt(exception=exc).error("messages could not be posted", error=str(failure))
            raise failure.with_traceback(None) from None


def _post_all(event: object, context: LambdaContext) -> dict[str, Any]:
    secret = read_secret(secrets_provider(), SETTINGS.secret_id, CACHE_SECONDS)
    try:
        return _post(event, context, secret)
    except ConfigError:
        # The cached secret may be outdated: somebody may have corrected it since it was read.
        fresh = read_secret(secrets_provider(), SETTINGS.secret_id, CACHE_SECONDS, refresh=True)
        if fresh.values == secret.values:
            raise
        return _post(event, context, fresh)


def _post(event: object, context: LambdaContext, secret: Secret) -> dict[str, Any]:
    webhook, alerts = _webhooks(secret)
    if event == SELF_TEST:
        for each in (webhook, alerts):
            each.check()
        return {each.key: "ok" for each in (webhook, alerts)}
    zone, note = _zone(secret)
    received = parse_event(event)
    messages = Delivery(
        webhook=webhook,
        alerts=alerts,
        store=open_store(SETTINGS.discord_memory_table),
        zone=zone,
        note=note,
        deadline=Deadline.of(context),
    ).deliver(received)
    logger.info("posted", records=len(received), messages=messages)
    return {"records": len(received), "messages": messages}


def _webhooks(secret: Secret) -> tuple[Webhook, Webhook]:
    """Return the webhooks for messages and for alerts; they differ if the secret says so."""
    usual = Webhook(url=secret.require(URL_KEY))
    alerts_url = secret.values.get(ALERTS_KEY)
    thread = secret.text(THREAD_KEY, "")
    if thread and not thread.isdigit():
        raise ConfigError(f"secret {secret.name}: {THREAD_KEY} must be the id of a thread, digits only")
    if alerts_url is None or not alerts_url.get_secret_value():
        return usual, replace(usual, thread=thread) if thread else usual
    return usual, Webhook(url=alerts_url, key=ALERTS_KEY, thread=thread)


def _zone(secret: Secret) -> tuple[ZoneInfo, str]:
    """Return the operators' time zone, and a note for every message if the setting is invalid."""
    name = secret.text(ZONE_KEY, "UTC")
    try:
        return ZoneInfo(name), ""
    except (ValueError, OSError, KeyError):
        logger.warning("DISCORD_TIMEZONE is not an IANA time zone; UTC is used", zone=name)
        return ZoneInfo("UTC"), f"{ZONE_KEY} is not an IANA time zone: times are in UTC"
