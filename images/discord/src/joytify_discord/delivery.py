"""The use case: what arrived is posted, each message once, and an incident keeps one post."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from loguru import logger

from joytify_common.deadline import Deadline
from joytify_common.errors import TransientError
from joytify_common.messages import Message
from joytify_discord.dedup import DedupStore
from joytify_discord.embed import Embed, EmbedField
from joytify_discord.limits import Payload, payloads
from joytify_discord.notation import parse_time
from joytify_discord.parsing import EventBridgeEvent, Received
from joytify_discord.rendering.dispatch import render
from joytify_discord.rendering.style import INFORMATION
from joytify_discord.rendering.text import duration
from joytify_discord.webhook import NotEditableError, Webhook

# A claim outlives the run by this much; Lambda waits a minute before it tries again.
CLAIM_SECONDS = 15.0
# Whoever has a claim usually posts within a second.
WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Item:
    """One record as it is shown, and its key in the dedup store; the key is empty if SNS named none."""

    embed: Embed
    key: str


@dataclass(frozen=True, kw_only=True)
class Incident:
    """What the dedup store holds of an incident.

    Attributes:
        post: id of its post; empty if Discord named none.
        is_alert: whether that was posted where alerts go.
        since: when it began, ISO 8601; empty if that is not shown.
        at: time of the state that is shown, the same.
        burns: whether what is shown is an alert.
        closed: whether the next message opens a new one.
    """

    post: str
    is_alert: bool
    since: str
    at: str
    closed: bool
    burns: bool = False

    @classmethod
    def of(cls, stored: dict[str, str] | None) -> Incident | None:
        """Return the incident that was stored, or None."""
        if stored is None or not stored.get("post", "").isdigit():
            return None
        # What is no time would keep every later message of the incident from being posted.
        since, at = (stored.get(name, "") if parse_time(stored.get(name, "")) else "" for name in ("since", "at"))
        is_alert, closed, burns = (stored.get(name) == "yes" for name in ("is_alert", "closed", "burns"))
        return cls(post=stored["post"], is_alert=is_alert, since=since, at=at, closed=closed, burns=burns)

    def to_store(self) -> dict[str, str]:
        """Return it as the dedup store holds it."""
        flags = {"is_alert": self.is_alert, "closed": self.closed, "burns": self.burns}
        told = {name: "yes" if flag else "no" for name, flag in flags.items()}
        return {"post": self.post, "since": self.since, "at": self.at, **told}

    def is_after(self, embed: Embed) -> bool:
        """Return whether what is shown is newer; of one second, a state that ends it or an alert is."""
        if not self.at or embed.timestamp is None:
            return False
        shown = datetime.fromisoformat(self.at)
        is_weaker = not embed.closes and not embed.is_alert
        return shown > embed.timestamp or (shown == embed.timestamp and is_weaker and (self.closed or self.burns))


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One SNS event on its way to Discord.

    Attributes:
        webhook: where messages go.
        alerts: where failures, warnings and alarms go.
        store: what was posted before.
        note: is added to the footer of every message; empty for none.
    """

    webhook: Webhook
    alerts: Webhook
    store: DedupStore
    zone: ZoneInfo
    deadline: Deadline
    note: str = ""

    def deliver(self, received: Sequence[Received]) -> int:
        """Post the records in order and return how many messages that took; what was posted before is left out.

        Raises:
            JobError: a message could not be posted, or whoever claimed it has not; the others are remembered as posted.
        """
        items = [Item(self._noted(render(one, self.zone)), _key(one)) for one in received]
        seconds = self.deadline.remaining() + CLAIM_SECONDS
        # Before it is posted: SNS may deliver a message several times at once.
        new = [item for item in items if not item.key or self.store.claim(item.key, seconds)]
        posted: set[str] = set()
        try:
            messages = self._deliver(new, posted)
        except BaseException:
            for key in {item.key for item in new if item.key} - posted:
                self.store.release(key)
            raise
        self._await({item.key for item in items if item.key} - posted)
        return messages

    def _await(self, claimed: set[str]) -> None:
        """Wait for those who claimed the keys; one who died posts nothing, and only Lambda's retry can."""
        end = time.monotonic() + min(WAIT_SECONDS, self.deadline.remaining())
        while claimed := {key for key in claimed if "post" not in (self.store.get(key) or {})}:
            if time.monotonic() > end:
                text = f"{len(claimed)} message(s) were claimed by another attempt, which has not posted them"
                raise TransientError(text)
            time.sleep(0.25)

    def _deliver(self, new: Sequence[Item], posted: set[str]) -> int:
        """Post the items in order, note the keys of those that were posted, and return how many messages that took."""
        messages = 0
        # Neighbours that go the same way share messages; one of an incident stands alone, so that it can be edited.
        for (alert, incidents), some in groupby(new, key=lambda item: (item.embed.is_alert, item.embed.incidents)):
            webhook = self.alerts if alert else self.webhook
            post = self._post_incident if incidents else self._post
            messages += post(list(some), webhook, posted)
        return messages

    def _noted(self, embed: Embed) -> Embed:
        return replace(embed, footer=" · ".join(filter(None, (embed.footer, self.note)))) if self.note else embed

    def _post(self, items: Sequence[Item], webhook: Webhook, posted: set[str]) -> int:
        messages = 0
        waiting = list(items)
        for payload in payloads([item.embed for item in items]):
            post = webhook.post(payload, self.deadline)
            messages += 1
            self._remember(waiting[: payload.embeds], post, posted)
            waiting = waiting[payload.embeds :]
        return messages

    def _post_incident(self, items: Sequence[Item], webhook: Webhook, posted: set[str]) -> int:
        for item in items:
            self._post_or_edit(item, webhook, posted)
        return len(items)

    def _post_or_edit(self, item: Item, webhook: Webhook, posted: set[str]) -> None:
        """Edit the posts of the incidents that the item belongs to, or post it; remember which."""
        embed, (first, *_) = item.embed, item.embed.incidents
        earlier = {name: Incident.of(self.store.get(f"incident {name}")) for name in embed.incidents}
        # SNS keeps no order. What is older than what is shown changes nothing there.
        current = [name for name, one in earlier.items() if one is None or not one.is_after(embed)]
        ongoing = {name: one for name in current if (one := earlier[name]) is not None and not one.closed}
        shown = embed if first in current else _late(embed)
        (payload,) = payloads([_with_time_since(shown, ongoing.get(first))])
        edited = self._edited(ongoing, payload, replaced=first if embed.is_alert else "")
        # An edit notifies nobody: an alert that its own incident has not shown as one yet is posted.
        is_said = first in edited or (bool(edited) and not embed.is_alert)
        new = "" if is_said else webhook.post(payload, self.deadline)
        self._remember([item], new, posted)
        at = _text(embed.timestamp)
        begun = Incident(post=new, is_alert=embed.is_alert, since=_text(embed.since), at=at, closed=False)
        for name in current:
            one = edited.get(name, begun if new else next(iter(edited.values()), begun))
            since = ongoing[name].since if name in ongoing else begun.since
            shows = replace(one, since=since, at=at, closed=embed.closes, burns=embed.is_alert)
            self.store.put(f"incident {name}", shows.to_store())

    def _edited(self, ongoing: Mapping[str, Incident], payload: Payload, *, replaced: str) -> dict[str, Incident]:
        """Edit each incident's post; return those that took it. That of `replaced` is left if it shows no alert."""
        kept = {name: one for name, one in ongoing.items() if name != replaced or (one.is_alert and one.burns)}
        taken = {post for post, one in {one.post: one for one in kept.values()}.items() if self._edit(one, payload)}
        return {name: one for name, one in kept.items() if one.post in taken}

    def _edit(self, incident: Incident, payload: Payload) -> bool:
        """Edit the incident's post in its channel; return whether Discord accepted that."""
        try:
            (self.alerts if incident.is_alert else self.webhook).edit(incident.post, payload, self.deadline)
        except NotEditableError as exc:
            logger.info("post takes no edit; posting anew", error=str(exc))
            return False
        return True

    def _remember(self, items: Sequence[Item], post: str, posted: set[str]) -> None:
        for item in items:
            if item.key:
                posted.add(item.key)
                self.store.put(item.key, {"post": post})


def _key(received: Received) -> str:
    content = received.content
    if isinstance(content, Message) or (isinstance(content, EventBridgeEvent) and content.identity):
        # SNS gives another id to what a job publishes again, its answer being lost, and to what two rules send.
        return f"message {hashlib.sha256(received.text.encode()).hexdigest()}"
    return f"message {received.origin.message_id}" if received.origin.message_id else ""


def _late(embed: Embed) -> Embed:
    """Return the embed in another colour: what has ended must not be the last word as if it still burned."""
    _, _, title = embed.title.partition(" ")
    return replace(embed, title=f"{INFORMATION.symbol} {title} [arrived late]", color=INFORMATION.color)


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _with_time_since(embed: Embed, incident: Incident | None) -> Embed:
    """Return the embed with how long its incident has lasted, if it says since when."""
    if incident is None or not incident.since or embed.since is None:
        return embed
    lasted = embed.since - datetime.fromisoformat(incident.since)
    lasting = EmbedField("Lasted" if embed.closes else "Lasts for", duration(lasted.total_seconds() * 1000))
    return replace(embed, fields=[*embed.fields[:2], lasting, *embed.fields[2:]])
