"""Lambda entry of the discord function: wiring only."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from loguru import logger

from joytify_common import logs
from joytify_common.deadline import Deadline, LambdaContext
from joytify_common.job import as_job_error
from joytify_common.secrets import Secret, read_secret, secrets_provider
from joytify_common.settings import load_settings
from joytify_discord.limits import payloads
from joytify_discord.parsing import parse_event
from joytify_discord.rendering.dispatch import render
from joytify_discord.settings import DiscordSettings
from joytify_discord.webhook import URL_KEY, Webhook, http_client

SETTINGS = load_settings(DiscordSettings)
logs.configure(SETTINGS.log_level)


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON arrived
    """Post every record of an SNS event to Discord; an error leaves the handler, so that Lambda retries."""
    with logger.contextualize(function=context.function_name, requestId=context.aws_request_id):
        try:
            return _post_all(event, context)
        except Exception as exc:  # noqa: BLE001 - raised again, without the text of a library
            failure = as_job_error(exc, "post")
            logger.opt(exception=exc).error("messages could not be posted", error=str(failure))
            raise failure from None


def _post_all(event: Any, context: LambdaContext) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON arrived
    secret = read_secret(secrets_provider(), SETTINGS.secret_id)
    zone = _zone(secret)
    webhook = Webhook(client=http_client(), url=secret.require(URL_KEY))
    received = parse_event(event)
    messages = list(payloads([render(one, zone) for one in received]))
    for message in messages:
        webhook.post(message, Deadline.of(context))
    logger.info("posted", records=len(received), messages=len(messages))
    return {"records": len(received), "messages": len(messages)}


def _zone(secret: Secret) -> ZoneInfo:
    name = secret.text("DISCORD_TIMEZONE", "UTC")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        logger.warning("DISCORD_TIMEZONE is not an IANA time zone; UTC is used", zone=name)
        return ZoneInfo("UTC")
