from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx
import pytest
from bson import ObjectId
from pydantic import SecretStr

from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, TransientError
from joytify_stats.backend import RETRY_SECONDS, Backend, KeyRefusedError

USERS = [ObjectId(), ObjectId()]


def soon() -> Deadline:
    return Deadline(time.monotonic() + 60)


TAKEN = {"message": "Notification socket triggered"}


def backend(answer: Callable[[httpx.Request], httpx.Response], domain: str = "https://api.example.com/") -> Backend:
    return Backend(domain=domain, key=SecretStr("the-key"), transport=httpx.MockTransport(answer))


def test_the_ids_are_posted_with_the_key() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=TAKEN)

    backend(answer).push(USERS, soon())

    (request,) = seen
    assert str(request.url) == "https://api.example.com/notifications/socket"
    assert request.headers["x-api-key"] == "the-key"
    assert json.loads(request.content) == {"userIds": [str(user) for user in USERS]}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_temporary_refusal_is_retried(status: int) -> None:
    answers = iter([httpx.Response(status), httpx.Response(status), httpx.Response(200, json=TAKEN)])

    backend(lambda _: next(answers)).push(USERS, soon())

    assert next(answers, None) is None


@pytest.mark.parametrize(
    ("status", "error", "calls"),
    [
        (401, KeyRefusedError, 1),
        (403, KeyRefusedError, 1),
        (413, ConfigError, 1),
        (302, ConfigError, 1),
        (503, TransientError, 3),
    ],
)
def test_the_error_of_a_lasting_refusal_hides_the_key(status: int, error: type[Exception], calls: int) -> None:
    made: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        made.append(request)
        return httpx.Response(status)

    with pytest.raises(error, match=str(status)) as caught:
        backend(answer).push(USERS, soon())

    assert len(made) == calls
    assert "the-key" not in str(caught.value)


def test_a_backend_that_cannot_be_reached_is_transient() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("secret-host")

    with pytest.raises(TransientError, match=r"could not be reached \(ConnectTimeout\)"):
        backend(answer).push(USERS, soon())


@pytest.mark.parametrize(
    ("header", "pause"),
    [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None), ("nan", None), (None, None)],
    ids=repr,
)
def test_retry_after_is_honoured(header: str | None, pause: float | None, waits: list[float]) -> None:
    headers = {} if header is None else {"Retry-After": header}
    answers = iter([httpx.Response(429, headers=headers), httpx.Response(200, json=TAKEN)])

    backend(lambda _: next(answers)).push(USERS, soon())

    assert len(waits) == 1
    assert pause is None or waits == [pause]


def test_retry_after_of_a_server_error_is_honoured(waits: list[float]) -> None:
    answers = iter([httpx.Response(503, headers={"Retry-After": "5"}), httpx.Response(200, json=TAKEN)])

    backend(lambda _: next(answers)).push(USERS, soon())

    assert waits == [5.0]


@pytest.mark.parametrize(("pause", "seconds"), [(RETRY_SECONDS + 1, 60), (6, 5)], ids=["too long", "no time"])
def test_a_retry_after_beyond_the_retry_limit_or_the_deadline_stops_the_retries(pause: float, seconds: float) -> None:
    made: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        made.append(request)
        return httpx.Response(429, headers={"Retry-After": str(pause)})

    with pytest.raises(TransientError, match="429"):
        backend(answer).push(USERS, Deadline(time.monotonic() + seconds))

    assert len(made) == 1


def test_without_time_nothing_is_sent() -> None:
    with pytest.raises(TransientError, match="no time left"):
        backend(lambda _: httpx.Response(200, json=TAKEN)).push(USERS, Deadline(time.monotonic()))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<!doctype html><title>Joytify</title>"),
        httpx.Response(204),
        httpx.Response(200, json=[]),
        httpx.Response(200, text="{" * 100_000),
        httpx.Response(200, content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["a page", "nothing", "a list", "nested", "packed"],
)
def test_a_success_response_that_does_not_come_from_the_backend_is_an_error(answer: httpx.Response) -> None:
    with pytest.raises(ConfigError, match="is not the backend's; in production the URL ends in /api/v1"):
        backend(lambda _: answer).push(USERS, soon())
