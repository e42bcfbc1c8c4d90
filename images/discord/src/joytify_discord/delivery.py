"""The use case: post each received message once, and keep one post per incident."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from loguru import logger

from joytify_common.deadline import Deadline
from joytify_common.errors import TransientError
from joytify_common.messages import Message
from joytify_discord.aws_notation import parse_time
from joytify_discord.embed import INFORMATION, Embed, Field
from joytify_discord.limits import Payload, payloads
from joytify_discord.parsing import EventBridgeEvent, Received
from joytify_discord.post_store import PostStore
from joytify_discord.rendering.dispatch import render
from joytify_discord.rendering.text import duration
from joytify_discord.webhook import NotEditableError, Webhook

# An attempt claims a message in the post store before it posts the message. The claim expires this long after the
# attempt's deadline, so that Lambda's retry a minute later can claim the message.
CLAIM_SECONDS = 15.0
# How long to wait for another attempt that has claimed a message; it usually posts within a second.
WAIT_SECONDS = 5.0

# Names of the stored attributes whose value is yes or no, by field of StoredIncident. `burns` is an old name;
# existing tables contain it.
FLAGS = {"in_alerts_channel": "is_alert", "closed": "closed", "shows_alert": "burns"}


@dataclass(frozen=True)
class Item:
    """A message's embed, and its key in the post store; the key is empty if SNS sent no message id."""

    embed: Embed[str]
    key: str


@dataclass(frozen=True, kw_only=True)
class StoredIncident:
    """The stored state of an incident.

    Attributes:
        post: id of the incident's post; empty if there is none.
        in_alerts_channel: whether the post was sent to the alerts webhook.
        since: when the incident began (`since` of its first message), ISO 8601; empty if the first message has no such
            time.
        at: time of the state that the post shows, ISO 8601; empty if unknown.
        shows_alert: whether the post shows an alert.
        closed: whether the incident has ended, so that the next message opens a new incident.
    """

    post: str
    in_alerts_channel: bool
    since: str
    at: str
    closed: bool
    shows_alert: bool = False

    @classmethod
    def of(cls, stored: dict[str, str] | None) -> StoredIncident | None:
        """Return the incident that was stored, or None."""
        if stored is None or not stored.get("post", "").isdigit():
            return None
        # An invalid time would prevent every later message of the incident from being posted.
        since, at = (stored.get(name, "") if parse_time(stored.get(name, "")) else "" for name in ("since", "at"))
        flags = {name: stored.get(attribute) == "yes" for name, attribute in FLAGS.items()}
        return cls(post=stored["post"], since=since, at=at, **flags)

    def to_store(self) -> dict[str, str]:
        """Return the incident as the texts that are stored."""
        attributes = {attribute: "yes" if getattr(self, name) else "no" for name, attribute in FLAGS.items()}
        return {"post": self.post, "since": self.since, "at": self.at, **attributes}

    def is_after(self, embed: Embed[str]) -> bool:
        """Return whether the post shows a newer state than the embed.

        If both have the same time, an end or an alert counts as newer than any other state.
        """
        if not self.at or embed.timestamp is None:
            return False
        shown = datetime.fromisoformat(self.at)
        is_weaker = not embed.incidents.closes and not embed.is_alert
        return shown > embed.timestamp or (shown == embed.timestamp and is_weaker and (self.closed or self.shows_alert))


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The delivery of one SNS event to Discord.

    Attributes:
        webhook: webhook for messages that are not alerts.
        alerts: webhook for failures, warnings and alarms.
        store: record of earlier posts.
        note: text to add to the footer of every message; may be empty.
    """

    webhook: Webhook
    alerts: Webhook
    store: PostStore
    zone: ZoneInfo
    deadline: Deadline
    note: str = ""

    def deliver(self, received: Sequence[Received]) -> int:
        """Post the received messages in order, except those posted before.

        Return the number of messages sent to Discord.

        Raises:
            JobError: a message could not be posted, or another attempt claimed it but did not post
                it; the messages that were posted are remembered.
        """
        items = [Item(self._noted(render(one, self.zone)), _key(one)) for one in received]
        seconds = self.deadline.remaining() + CLAIM_SECONDS
        # Claim before posting: SNS may deliver a message several times concurrently.
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
        """Wait until other attempts have posted the messages that they claimed.

        Raises:
            TransientError: they did not, for example after a crash; Lambda's retry will post the
                messages.
        """
        end = time.monotonic() + min(WAIT_SECONDS, self.deadline.remaining())
        while claimed := {key for key in claimed if "post" not in (self.store.get(key) or {})}:
            if time.monotonic() > end:
                text = f"{len(claimed)} message(s) were claimed by another attempt, which has not posted them"
                raise TransientError(text)
            time.sleep(0.25)

    def _deliver(self, new: Sequence[Item], posted: set[str]) -> int:
        """Post the items in order, add their keys to `posted`; return the number of messages."""
        messages = 0
        # Consecutive items for one webhook share messages; an item with an incident is posted
        # alone, so that it can be edited.
        for (alert, incidents), some in groupby(
            new, key=lambda item: (item.embed.is_alert, item.embed.incidents.names)
        ):
            webhook = self.alerts if alert else self.webhook
            if not incidents:
                messages += self._post(list(some), webhook, posted)
                continue
            for item in some:
                self._post_or_edit(item, webhook, posted)
                messages += 1
        return messages

    def _noted(self, embed: Embed[str]) -> Embed[str]:
        return replace(embed, footer=" · ".join(filter(None, (embed.footer, self.note)))) if self.note else embed

    def _post(self, items: Sequence[Item], webhook: Webhook, posted: set[str]) -> int:
        messages, waiting = 0, iter(items)
        for payload in payloads([item.embed for item in items]):
            post = webhook.post(payload, self.deadline)
            messages += 1
            self._remember(islice(waiting, len(payload.body["embeds"])), post, posted)
        return messages

    def _post_or_edit(self, item: Item, webhook: Webhook, posted: set[str]) -> None:
        """Edit the posts of the item's incidents and, if needed, post the item; store the new state."""
        embed, (first, *_) = item.embed, item.embed.incidents.names
        earlier = {name: StoredIncident.of(self.store.get(f"incident {name}")) for name in embed.incidents.names}
        # SNS does not preserve order, so a message edits a post only if the post does not already show a newer state.
        current = [name for name, one in earlier.items() if one is None or not one.is_after(embed)]
        ongoing = {name: one for name in current if (one := earlier[name]) is not None and not one.closed}
        shown = embed if first in current else _late(embed)
        (payload,) = payloads([_with_time_since(shown, ongoing.get(first))])
        edited = self._edited(ongoing, payload, alerting_incident=first if embed.is_alert else "")
        # Discord notifies users of new posts, not of edits. So an alert gets a new post, unless the post of its first
        # incident already showed an alert in the alerts channel.
        is_shown = first in edited or (bool(edited) and not embed.is_alert)
        new = "" if is_shown else webhook.post(payload, self.deadline)
        self._remember([item], new, posted)
        at = _text(embed.timestamp)
        new_incident = StoredIncident(
            post=new, in_alerts_channel=embed.is_alert, since=_text(embed.incidents.since), at=at, closed=False
        )
        for name in current:
            one = edited.get(name, new_incident if new else next(iter(edited.values()), new_incident))
            since = ongoing[name].since if name in ongoing else new_incident.since
            updated = replace(one, since=since, at=at, closed=embed.incidents.closes, shows_alert=embed.is_alert)
            self.store.put(f"incident {name}", updated.to_store())

    def _edited(
        self, ongoing: Mapping[str, StoredIncident], payload: Payload, *, alerting_incident: str
    ) -> dict[str, StoredIncident]:
        """Edit the incidents' posts; return the incidents whose post was edited.

        `alerting_incident` names the incident that the message raises an alert for. This incident
        is returned only if its post already showed an alert in the alerts channel; otherwise the caller
        creates a new post, of which Discord notifies users.
        """
        kept = {
            name: one
            for name, one in ongoing.items()
            if name != alerting_incident or (one.in_alerts_channel and one.shows_alert)
        }
        edited = {post for post, one in {one.post: one for one in kept.values()}.items() if self._edit(one, payload)}
        return {name: one for name, one in kept.items() if one.post in edited}

    def _edit(self, incident: StoredIncident, payload: Payload) -> bool:
        """Edit the incident's post in its channel; return whether Discord accepted the edit."""
        try:
            (self.alerts if incident.in_alerts_channel else self.webhook).edit(incident.post, payload, self.deadline)
        except NotEditableError as exc:
            logger.info("post could not be edited", error=str(exc))
            return False
        return True

    def _remember(self, items: Iterable[Item], post: str, posted: set[str]) -> None:
        for item in items:
            if item.key:
                posted.add(item.key)
                self.store.put(item.key, {"post": post})


def _key(received: Received) -> str:
    content = received.content
    if isinstance(content, Message) or (isinstance(content, EventBridgeEvent) and content.identity):
        # If a job publishes a message again after a lost response, or two rules send it, the SNS id changes but the
        # text stays the same.
        return f"message {hashlib.sha256(received.text.encode()).hexdigest()}"
    return f"message {received.origin.message_id}" if received.origin.message_id else ""


def _late(embed: Embed[str]) -> Embed[str]:
    """Return the embed marked as late and in a neutral colour, since its state is outdated."""
    _, _, title = embed.title.partition(" ")
    return replace(embed, title=f"{INFORMATION.symbol} {title} [arrived late]", severity=INFORMATION)


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _with_time_since(embed: Embed[str], incident: StoredIncident | None) -> Embed[str]:
    """Return the embed with the duration of its incident, if the start is known."""
    if incident is None or not incident.since or embed.incidents.since is None:
        return embed
    lasted = embed.incidents.since - datetime.fromisoformat(incident.since)
    lasting = Field("Lasted" if embed.incidents.closes else "Ongoing for", duration(lasted.total_seconds() * 1000))
    return replace(embed, fields=[*embed.fields[:2], lasting, *embed.fields[2:]])
