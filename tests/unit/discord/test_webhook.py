from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_discord.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = "https://discord.com/api/webhooks/1/the-token"
PAYLOAD = {"content": "hello"}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without making them."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def webhook(
    answers: Iterator[httpx.Response | Exception], seen: list[httpx.Request] | None = None, url: str = URL
) -> Webhook:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        one = next(answers)
        if isinstance(one, Exception):
            raise one
        return one

    return Webhook(client=httpx.Client(transport=httpx.MockTransport(answer)), url=SecretStr(url))


def in_seconds(seconds: float) -> Deadline:
    return Deadline(time.monotonic() + seconds)


def test_a_message_is_posted_once_and_waited_for(pauses: list[float]) -> None:
    seen: list[httpx.Request] = []

    webhook(iter([httpx.Response(200)]), seen).post(PAYLOAD, in_seconds(60))

    assert [str(request.url) for request in seen] == [URL + "?wait=true"]
    assert pauses == []


def test_a_rate_limit_is_waited_out_as_long_as_discord_says(pauses: list[float]) -> None:
    webhook(iter([httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(200)])).post(
        PAYLOAD, in_seconds(60)
    )

    assert pauses == [3.0]


def test_server_and_connection_errors_are_tried_again_with_a_growing_pause(pauses: list[float]) -> None:
    answers: Iterator[httpx.Response | Exception] = iter(
        [httpx.Response(502), httpx.ConnectError("no"), httpx.Response(429), httpx.Response(200)]
    )

    webhook(answers).post(PAYLOAD, in_seconds(60))

    assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    ("answers", "seconds", "error", "says"),
    [
        ([httpx.Response(503)] * 4, 60, TransientError, "Discord answered 503"),
        ([httpx.Response(429, headers={"Retry-After": "40"})], 10, TransientError, "limits the rate"),
        ([httpx.Response(401)], 60, ConfigError, "DISCORD_WEBHOOK_URL: Discord answered 401"),
        ([httpx.Response(404)], 60, ConfigError, "DISCORD_WEBHOOK_URL: Discord answered 404"),
        ([httpx.Response(400)], 60, PermanentError, r"refused the message \(400\)"),
        ([httpx.ReadTimeout("no")] * 4, 60, TransientError, r"could not be reached \(ReadTimeout\)"),
    ],
    ids=["503", "429 beyond the deadline", "401", "404", "400", "timeout"],
)
def test_what_cannot_be_posted_raises_and_never_shows_the_address(
    pauses: list[float], answers: list[httpx.Response | Exception], seconds: float, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        webhook(iter(answers)).post(PAYLOAD, in_seconds(seconds))

    assert "the-token" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert len(pauses) <= 3


def test_an_address_that_is_none_names_its_key(pauses: list[float]) -> None:
    with pytest.raises(ConfigError, match="DISCORD_WEBHOOK_URL: it is not a URL"):
        webhook(iter([httpx.UnsupportedProtocol("no")]), url="the-token").post(PAYLOAD, in_seconds(60))

    assert pauses == []
