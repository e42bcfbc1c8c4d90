"""Delivery over real HTTP to a Discord stand-in with the documented limits; the post store is in the local AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from factories import alarm_text, sns_event
from own_messages import cleanup_error
from pydantic import SecretStr

from joytify_common.deadline import Deadline
from joytify_common.errors import PermanentError, TransientError
from joytify_discord.delivery import Delivery
from joytify_discord.envelopes import parse_event
from joytify_discord.post_store import ContainerStore, PostStore, TableStore
from joytify_discord.webhook import Webhook
from joytify_local.aws import WEBHOOK_PATH, WEBHOOK_TOKEN, aws_client
from joytify_local.processes import stop
from joytify_local.servers import stand_in

# The limits' clocks run faster here: a minute is a second and a half.
PACE = 40.0
MESSAGES = 100
BAN_SECONDS = 40 / PACE


@pytest.fixture
def discord(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of a Discord with the limits of the webhook and of its channel."""
    options = ["--token", WEBHOOK_TOKEN, "--per-minute", "--pace", str(PACE)]
    pid, url = stand_in("discord", options, tmp_path_factory.mktemp("discord"), "127.0.0.1")
    yield url
    stop([pid])


def container_store(_: str) -> PostStore:
    return ContainerStore()


def table_store(endpoint: str) -> PostStore:
    """Return a post store backed by a table like the one that Terraform creates."""
    client, table = aws_client("dynamodb", endpoint), f"posts-{uuid4().hex[:8]}"
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return TableStore(client, table)


def deliver(url: str, store: PostStore, event: dict[str, Any], seconds: float = 30) -> None:
    """Deliver the event; if that fails, deliver it again, as Lambda does."""
    webhook = Webhook(url=SecretStr(url + WEBHOOK_PATH))
    for attempt in count(1):
        deadline = Deadline(time.monotonic() + seconds)
        try:
            Delivery(webhook=webhook, alerts=webhook, store=store, zone=ZoneInfo("UTC"), deadline=deadline).deliver(
                parse_event(event)
            )
        except TransientError:
            assert attempt < 10, "given up"
            # Lambda waits before it retries.
            time.sleep(seconds)
        else:
            return


def numbered(number: int, text: str) -> dict[str, Any]:
    event = sns_event(text)
    event["Records"][0]["Sns"]["MessageId"] = f"id-{number}"
    return event


def messages(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(url + "/messages").json()
    return found


@pytest.mark.parametrize("new_store", [container_store, table_store], ids=["container", "table"])
def test_a_hundred_messages_arrive_complete_in_order_once(
    discord: str, endpoint: str, new_store: Callable[[str], PostStore]
) -> None:
    """Discord limits the webhook to 5 requests in 2 s and the channel to 30 a minute.

    There are also sudden bans, failing servers, and a deadline shorter than a ban.
    """
    store = new_store(endpoint)
    for number in range(MESSAGES):
        if number in {20, 60}:
            httpx.put(discord + "/mood", json={"banSeconds": BAN_SECONDS}).raise_for_status()
        if number in {40, 80}:
            httpx.put(discord + "/mood", json={"status": 502, "times": 5}).raise_for_status()
        deliver(discord, store, numbered(number, f"message {number}"), seconds=BAN_SECONDS / 2)
        if number % 10 == 0:
            # SNS delivers at least once.
            deliver(discord, store, numbered(number, f"message {number}"))

    titles = [embed["title"] for message in messages(discord) for embed in message["embeds"]]
    assert titles == [f"🔹 message {number}" for number in range(MESSAGES)]


def test_a_thousand_records_of_one_event_arrive(discord: str) -> None:
    event = sns_event(*(f"message {number}" for number in range(1000)))

    deliver(discord, ContainerStore(), event)

    found = messages(discord)
    assert [len(message["embeds"]) for message in found] == [10] * 100
    assert [e["title"] for m in found for e in m["embeds"]] == [f"🔹 message {number}" for number in range(1000)]


def test_a_message_of_256_kb_arrives_whole(discord: str) -> None:
    text = json.dumps({"lines": [f"line {number}: {'x' * 40}" for number in range(4800)]})
    assert len(text) > 256_000

    deliver(discord, ContainerStore(), numbered(0, text))

    (message,) = messages(discord)
    (file,) = message["attachments"]
    attached = httpx.get(discord + file["url"]).text
    assert json.loads(attached) == json.loads(text)


def test_an_incident_keeps_one_post_across_containers(discord: str, endpoint: str) -> None:
    store = table_store(endpoint)
    deliver(discord, store, numbered(0, alarm_text()))
    deliver(discord, store, numbered(1, cleanup_error().model_dump_json()))
    deliver(discord, store, numbered(2, alarm_text(NewStateValue="OK")))

    first, second = messages(discord)
    assert first["embeds"][0]["title"].startswith("✅ Resolved")
    assert first["edited_timestamp"] is not None
    assert second["embeds"][0]["title"].startswith("❌ Cleanup failed")


def test_a_message_delivered_four_times_concurrently_is_posted_once(discord: str, endpoint: str) -> None:
    """Four containers deliver it, each with its own client of the same table."""
    first = table_store(endpoint)
    assert isinstance(first, TableStore)
    stores = [TableStore(aws_client("dynamodb", endpoint), first.table) for _ in range(4)]
    with ThreadPoolExecutor(len(stores)) as pool:
        for number in range(10):
            list(pool.map(lambda store, n=number: deliver(discord, store, numbered(n, f"message {n}")), stores))

    titles = [embed["title"] for message in messages(discord) for embed in message["embeds"]]
    assert titles == [f"🔹 message {number}" for number in range(10)]


def test_another_container_posts_a_message_whose_first_attempt_failed(discord: str, endpoint: str) -> None:
    """An attempt claims a message in the post store before it posts it. If the attempt fails, it releases the claim.

    If its container dies, the claim expires.
    """
    store = table_store(endpoint)
    httpx.put(discord + "/mood", json={"status": 400, "times": 2}).raise_for_status()
    webhook = Webhook(url=SecretStr(discord + WEBHOOK_PATH))
    make = partial(Delivery, webhook=webhook, alerts=webhook, store=store, zone=ZoneInfo("UTC"))
    with pytest.raises(PermanentError):
        make(deadline=Deadline(time.monotonic() + 5)).deliver(parse_event(numbered(1, "refused at first")))
    assert store.claim("message id-2", -5)
    assert store.claim("message id-3", 60)
    # The claim's owner may have died, so the delivery counts as failed and Lambda retries.
    with pytest.raises(TransientError, match="claimed by another attempt"):
        make(deadline=Deadline(time.monotonic() + 1)).deliver(parse_event(numbered(3, "claimed by another attempt")))

    deliver(discord, store, numbered(1, "refused at first"))
    deliver(discord, store, numbered(2, "of a container that died"))

    titles = [embed["title"] for message in messages(discord) for embed in message["embeds"]]
    assert titles == ["🔹 refused at first", "🔹 of a container that died"]
