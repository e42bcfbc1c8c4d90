from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from joytify_common.deadline import GRACE_SECONDS, Deadline
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_discord.limits import Payload
from joytify_discord.webhook import NotEditableError, Webhook

URL = "https://discord.com/api/webhooks/1/the-token"
PAYLOAD = Payload({"embeds": [{"title": "hello"}], "allowed_mentions": {"parse": []}})
ID = "1000"


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

    return Webhook(url=SecretStr(url), transport=httpx.MockTransport(answer))


def success_response(**headers: str) -> httpx.Response:
    return httpx.Response(200, json={"id": ID}, headers=headers)


def in_seconds(seconds: float) -> Deadline:
    return Deadline(time.monotonic() + seconds)


def test_a_message_is_posted_once_with_wait_true(waits: list[float]) -> None:
    seen: list[httpx.Request] = []

    posted = webhook(iter([success_response()]), seen).post(PAYLOAD, in_seconds(60))

    assert posted == ID
    assert [str(request.url) for request in seen] == [URL + "?wait=true"]
    assert waits == []


def test_a_rate_limit_is_waited_out_as_long_as_discord_says(waits: list[float]) -> None:
    webhook(iter([httpx.Response(429, headers={"Retry-After": "3"}), success_response()])).post(PAYLOAD, in_seconds(60))

    assert waits == [3.0]


def test_a_post_that_begins_just_before_the_deadline_has_time_for_its_answer(waits: list[float]) -> None:
    """Before the response arrives, Discord may have stored the message; a retry would post it twice."""
    seen: list[httpx.Request] = []

    webhook(iter([httpx.Response(429, headers={"Retry-After": "4"}), success_response()]), seen).post(
        PAYLOAD, in_seconds(5)
    )

    assert waits == [4.0]
    assert all(request.extensions["timeout"]["read"] >= GRACE_SECONDS for request in seen)


def test_server_and_connection_errors_are_tried_again_with_a_growing_pause(waits: list[float]) -> None:
    answers: Iterator[httpx.Response | Exception] = iter(
        [httpx.Response(502), httpx.ConnectError("no"), httpx.Response(429), success_response()]
    )

    webhook(answers).post(PAYLOAD, in_seconds(60))

    assert len(waits) == 3
    assert 0.25 <= waits[0] <= 0.75
    assert 0.5 <= waits[1] <= 1.5


@pytest.mark.parametrize(
    ("answers", "seconds", "error", "says"),
    [
        ([httpx.Response(503)] * 4, 60, TransientError, "Discord answered 503"),
        ([httpx.Response(429, headers={"Retry-After": "40"})], 10, TransientError, "rate-limits the webhook"),
        ([httpx.Response(401)], 60, ConfigError, "DISCORD_WEBHOOK_URL: Discord answered 401"),
        ([httpx.Response(404)], 60, ConfigError, "DISCORD_WEBHOOK_URL: Discord answered 404"),
        ([httpx.Response(400)] * 2, 60, PermanentError, r"refused the message \(400\)"),
        ([httpx.Response(405)], 60, PermanentError, r"refused the message \(405\)"),
        ([httpx.ReadTimeout("no")] * 4, 60, TransientError, r"could not be reached \(ReadTimeout\)"),
    ],
    ids=["503", "429 beyond the deadline", "401", "404", "400", "405", "timeout"],
)
def test_what_cannot_be_posted_raises_and_never_shows_the_address(
    waits: list[float], answers: list[httpx.Response | Exception], seconds: float, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        webhook(iter(answers)).post(PAYLOAD, in_seconds(seconds))

    assert "the-token" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert len(waits) <= 3


def test_an_invalid_webhook_url_is_an_error_that_names_the_secrets_key(waits: list[float]) -> None:
    with pytest.raises(ConfigError, match="DISCORD_WEBHOOK_URL: it is not a URL"):
        webhook(iter([httpx.UnsupportedProtocol("no")]), url="the-token").post(PAYLOAD, in_seconds(60))

    assert waits == []


def test_a_message_that_discord_does_not_take_is_posted_as_plain_text(waits: list[float]) -> None:
    seen: list[httpx.Request] = []

    webhook(iter([httpx.Response(400), success_response()]), seen).post(PAYLOAD, in_seconds(60))

    assert json.loads(seen[1].content)["content"] == "hello"
    assert json.loads(seen[1].content)["embeds"] == []
    assert waits == []


def test_retry_after_in_the_body_takes_precedence_over_the_header(waits: list[float]) -> None:
    limited = httpx.Response(429, json={"retry_after": 0.3}, headers={"Retry-After": "1"})

    webhook(iter([limited, success_response()])).post(PAYLOAD, in_seconds(60))

    assert waits == [0.3]


def test_an_exhausted_rate_limit_is_waited_for_before_the_next_request(waits: list[float]) -> None:
    answers = iter(
        [success_response(**{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "1.5"}), success_response()]
    )
    ours = webhook(answers)

    ours.post(PAYLOAD, in_seconds(60))
    ours.post(PAYLOAD, in_seconds(60))

    assert len(waits) == 1
    assert 1 < waits[0] <= 1.5


def test_an_edit_goes_to_the_message_and_keeps_no_older_attachment(waits: list[float]) -> None:
    seen: list[httpx.Request] = []

    webhook(iter([success_response()]), seen).edit(ID, PAYLOAD, in_seconds(60))

    assert (seen[0].method, str(seen[0].url)) == ("PATCH", f"{URL}/messages/{ID}")
    assert json.loads(seen[0].content)["attachments"] == []
    assert waits == []


@pytest.mark.parametrize(
    "answers",
    [
        [httpx.Response(404, json={"message": "Unknown Message", "code": 10008})],
        [httpx.Response(400, json={"message": "Thread is archived", "code": 50083})] * 2,
    ],
    ids=["gone", "in an archived thread"],
)
def test_an_uneditable_message_raises_not_editable_error(answers: list[httpx.Response]) -> None:
    with pytest.raises(NotEditableError):
        webhook(iter(answers)).edit(ID, PAYLOAD, in_seconds(60))


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(204), httpx.Response(200, text="<html>"), httpx.Response(200, json={"ok": True})],
    ids=["nothing", "a page", "no message"],
)
def test_a_success_response_that_does_not_come_from_discord_is_an_error(answer: httpx.Response) -> None:
    """Lambda's retry posts it again: a second post is better than none."""
    with pytest.raises(TransientError, match="did not come from Discord"):
        webhook(iter([answer])).post(PAYLOAD, in_seconds(60))


def test_a_rate_limit_with_retry_after_0_is_retried_after_a_minimum_pause(waits: list[float]) -> None:
    limited = httpx.Response(429, json={"retry_after": 0}, headers={"Retry-After": "0"})

    webhook(iter([limited, limited, success_response()])).post(PAYLOAD, in_seconds(60))

    assert waits == [0.1, 0.1]


def test_nothing_is_sent_after_the_deadline(waits: list[float]) -> None:
    seen: list[httpx.Request] = []

    with pytest.raises(TransientError):
        webhook(iter([success_response()]), seen).post(PAYLOAD, in_seconds(0))

    assert (seen, waits) == ([], [])


def test_a_thread_is_named_in_the_address() -> None:
    seen: list[httpx.Request] = []
    ours = webhook(iter([success_response(), success_response()]), seen)
    ours.thread = "42"

    ours.post(PAYLOAD, in_seconds(60))
    ours.edit(ID, PAYLOAD, in_seconds(60))

    assert [request.url.params["thread_id"] for request in seen] == ["42", "42"]


def test_an_attachment_goes_as_a_file() -> None:
    seen: list[httpx.Request] = []

    webhook(iter([success_response()]), seen).post(Payload(PAYLOAD.body, attachment="all of it"), in_seconds(60))

    assert seen[0].headers["Content-Type"].startswith("multipart/form-data")
    assert b'filename="message.txt"' in seen[0].content
    assert b"all of it" in seen[0].content
