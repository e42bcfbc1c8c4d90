"""The story: what arrived is posted, each message once, and an incident keeps one post."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from loguru import logger

from joytify_discord.limits import Embed, EmbedField, payloads
from joytify_discord.rendering.dispatch import render
from joytify_discord.rendering.text import duration
from joytify_discord.webhook import UnknownMessageError, Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from joytify_common.deadline import Deadline
    from joytify_discord.memory import Memory
    from joytify_discord.parsing import Received


@dataclass(frozen=True)
class Item:
    """One record as it is to be shown, and its key in the memory; the key is empty where SNS named none."""

    embed: Embed
    key: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One SNS event on its way to Discord.

    Attributes:
        webhook: where messages go.
        alerts: where failures, warnings and alarms go.
        memory: what was posted before.
        note: stands in the footer of every message, empty for none.
    """

    webhook: Webhook
    alerts: Webhook
    memory: Memory
    zone: ZoneInfo
    deadline: Deadline
    note: str = ""

    def deliver(self, received: Sequence[Received]) -> int:
        """Post the records in order and return how many messages that took; what was posted before is left out.

        Raises:
            JobError: a message could not be posted; those before it are remembered as posted.
        """
        items = [Item(self._noted(render(one, self.zone)), _key(one)) for one in received]
        new = [item for item in items if not (item.key and self.memory.recall(item.key))]
        messages = 0
        # Neighbours that go the same way share messages; one of an incident stands alone, so that it can be edited.
        for (alert, incident), some in groupby(new, key=lambda item: (item.embed.is_alert, item.embed.incident)):
            webhook = self.alerts if alert else self.webhook
            post = self._post_incident if incident else self._post
            messages += post(list(some), webhook)
        return messages

    def _noted(self, embed: Embed) -> Embed:
        return replace(embed, footer=" · ".join(filter(None, (embed.footer, self.note)))) if self.note else embed

    def _post(self, items: Sequence[Item], webhook: Webhook) -> int:
        messages = 0
        waiting = list(items)
        for payload in payloads([item.embed for item in items]):
            post = webhook.post(payload, self.deadline)
            messages += 1
            self._remember(waiting[: payload.embeds], post)
            waiting = waiting[payload.embeds :]
        return messages

    def _post_incident(self, items: Sequence[Item], webhook: Webhook) -> int:
        for item in items:
            self._post_or_edit(item, webhook)
        return len(items)

    def _post_or_edit(self, item: Item, webhook: Webhook) -> None:
        key, embed = f"incident {item.embed.incident}", item.embed
        earlier = None if embed.opens else self.memory.recall(key)
        if earlier is not None:
            embed = _with_time_since(embed, earlier)
        (payload,) = payloads([embed])
        post = None
        if earlier is not None:
            try:
                webhook.edit(earlier["post"], payload, self.deadline)
                post = earlier["post"]
            except UnknownMessageError:
                logger.info("post is gone; posting anew", incident=embed.incident)
        post = post or webhook.post(payload, self.deadline)
        self._remember([item], post)
        if embed.closes:
            self.memory.forget(key)
        else:
            since = (earlier or {}).get("since") or (embed.timestamp.isoformat() if embed.timestamp else "")
            self.memory.keep(key, {"post": post, "since": since})

    def _remember(self, items: Sequence[Item], post: str) -> None:
        for item in items:
            if item.key:
                self.memory.keep(item.key, {"post": post})


def _key(received: Received) -> str:
    return f"message {received.origin.message_id}" if received.origin.message_id else ""


def _with_time_since(embed: Embed, earlier: dict[str, str]) -> Embed:
    """Return the embed with how long its incident has lasted."""
    if not earlier.get("since") or embed.timestamp is None:
        return embed
    lasted = embed.timestamp - datetime.fromisoformat(earlier["since"])
    lasting = EmbedField("Lasted" if embed.closes else "Lasts for", duration(lasted.total_seconds() * 1000))
    return replace(embed, fields=[*embed.fields[:2], lasting, *embed.fields[2:]])
