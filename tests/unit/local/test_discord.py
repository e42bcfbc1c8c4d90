from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from joytify_local.discord import WEBHOOK_LIMIT, application
from joytify_local.discord_channel import WEBHOOK_ID

URL = f"/api/webhooks/{WEBHOOK_ID}/token"


@pytest.fixture
def discord() -> TestClient:
    return TestClient(application("token"))


def test_a_message_is_answered_as_discord_does(discord: TestClient) -> None:
    assert discord.post(URL, json={"content": "one"}).status_code == 204
    answer = discord.post(URL, params={"wait": "true"}, json={"content": "two"})

    assert (answer.status_code, answer.json()["content"]) == (200, "two")
    assert [message["content"] for message in discord.get("/messages").json()] == ["one", "two"]
    assert "two" in discord.get("/").text


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"content": "x" * 2001}, ["content"]),
        ({"embeds": [{"title": "x"}] * 11}, ["embeds"]),
        ({"embeds": [{"title": "x" * 257}]}, ["embeds", "0", "title"]),
        ({"embeds": [{"description": "x" * 4097}]}, ["embeds", "0", "description"]),
        ({"embeds": [{"title": "x", "fields": [{"name": "x", "value": "x"}] * 26}]}, ["embeds", "0", "fields"]),
        ({"embeds": [{"fields": [{"name": "x", "value": " "}]}]}, ["embeds", "0", "fields", "0", "value"]),
        ({"embeds": [{"fields": [{"name": "x" * 257, "value": "x"}]}]}, ["embeds", "0", "fields", "0", "name"]),
        ({"embeds": [{"fields": [{"name": "x", "value": "x" * 1025}]}]}, ["embeds", "0", "fields", "0", "value"]),
        ({"embeds": [{"title": "x", "footer": {"text": "x" * 2049}}]}, ["embeds", "0", "footer", "text"]),
        ({"embeds": [{"title": "x", "color": -1}]}, ["embeds", "0", "color"]),
        ({"embeds": [{"title": "x", "url": "javascript:alert(1)"}]}, ["embeds", "0", "url"]),
        ({"embeds": [{"description": "x" * 3001}] * 2}, ["embeds"]),
        ({"content": "x", "allowed_mentions": {"parse": ["anybody"]}}, ["allowed_mentions", "parse", "0"]),
    ],
    ids=[
        "content",
        "embeds",
        "title",
        "description",
        "fields",
        "empty value",
        "name",
        "value",
        "footer",
        "color",
        "url",
        "total",
        "mentions",
    ],
)
def test_an_invalid_body_is_refused_with_the_offending_field(
    discord: TestClient, body: dict[str, Any], place: list[str]
) -> None:
    answer = discord.post(URL, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, 50035)
    tree = answer.json()["errors"]
    for step in place:
        tree = tree[step]
    assert tree["_errors"][0]["message"]


def test_an_empty_message_and_a_wrong_address_are_refused(discord: TestClient) -> None:
    assert discord.post(URL, json={"content": " "}).json()["code"] == 50006
    assert discord.post(URL, content=b"{").status_code == 400
    assert discord.post(f"/api/webhooks/{WEBHOOK_ID}/other", json={"content": "x"}).status_code == 401
    assert discord.post("/api/webhooks/1/token", json={"content": "x"}).status_code == 404


def test_a_request_over_the_rate_limit_gets_retry_after(discord: TestClient) -> None:
    answers = [discord.post(URL, json={"content": "x"}) for _ in range(WEBHOOK_LIMIT[0] + 1)]

    assert [answer.status_code for answer in answers] == [204] * WEBHOOK_LIMIT[0] + [429]
    assert 0 < answers[-1].json()["retry_after"] <= 2
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_message_can_be_edited_and_read(discord: TestClient) -> None:
    posted = discord.post(URL, params={"wait": "true"}, json={"content": "one"}).json()

    edited = discord.patch(f"{URL}/messages/{posted['id']}", json={"content": "two"}).json()

    assert (edited["content"], edited["edited_timestamp"] is not None) == ("two", True)
    assert discord.get(f"{URL}/messages/{posted['id']}").json() == edited
    assert discord.patch(f"{URL}/messages/1", json={"content": "x"}).status_code == 404
