"""The month end with a misbehaving backend over real HTTP.

The summary counts failed pushes, and every user still gets the notification.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from bson import ObjectId
from month_end import FakeServices, month_end
from pydantic import SecretStr
from pymongo.database import Database

from joytify_common.deadline import Deadline
from joytify_local.processes import free_port, stop
from joytify_local.servers import stand_in
from joytify_stats.backend import Backend

Document = dict[str, Any]

KEY = "the-key-of-the-test"
LISTENERS, PAGE = 40, 5
READ_SECONDS = 0.5
FOREVER = 1_000_000
OCTOBER = datetime(2026, 10, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def backend_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of the backend's stand-in."""
    pid, url = stand_in("backend", ["--key", KEY], tmp_path_factory.mktemp("backend"), "127.0.0.1")
    yield url
    stop([pid])


@pytest.fixture
def listeners(database: Database[Document]) -> list[ObjectId]:
    """Users who are entitled to the notification."""
    ids = [ObjectId() for _ in range(LISTENERS)]
    wants = {"notifications": {"monthlyStatistic": True}}
    database.users.insert_many([{"_id": i, "userPreferences": wants, "notifications": []} for i in ids])
    database.stats.insert_many([{"user": i, "stats": [{"createdAt": OCTOBER}]} for i in ids])
    return ids


@pytest.fixture(autouse=True)
def _short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joytify_stats.backend.READ_SECONDS", READ_SECONDS)


def run(database: Database[Document], url: str, mood: Document, *, key: str = KEY, page: int = PAGE) -> Any:
    """Run the month end with this simulated behaviour of the backend.

    Return the summary and the number of pushes per user.
    """
    httpx.put(url + "/mood", json=mood).raise_for_status()
    httpx.delete(url + "/pushed").raise_for_status()
    outside = FakeServices()
    backend = Backend(domain=url, key=SecretStr(key))
    progress = month_end(database, outside, backend=backend, page=page)
    # Whatever the backend does, everyone has the notification and cleanup is started.
    assert database.users.count_documents({"notifications": {"$size": 1}}) == progress.users_updated == LISTENERS
    assert outside.cleanups == ["started"]
    assert KEY not in str(progress.socket_failure)
    httpx.put(url + "/mood", json={}).raise_for_status()
    return progress, httpx.get(url + "/pushed").json()["users"]


@pytest.mark.parametrize(
    "mood",
    [
        {},
        {"latencySeconds": 0.05},
        {"status": 503, "times": 2},
        {"status": 429, "times": 2},
        {"status": 429, "retryAfter": 0.2, "times": 2},
        {"status": 0, "times": 2},
    ],
    ids=["well", "with latency", "503 twice", "429 twice", "429 with Retry-After", "breaking off twice"],
)
def test_transient_errors_are_retried_until_they_end(
    database: Database[Document], backend_url: str, listeners: list[ObjectId], mood: Document
) -> None:
    progress, pushed = run(database, backend_url, mood)

    assert set(pushed) == {str(user) for user in listeners}
    assert (progress.socket_users_notified, progress.socket_failures) == (LISTENERS, 0)
    assert progress.socket_failure is None


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        ({"status": 500, "times": FOREVER}, "the backend answered 500"),
        ({"status": 413, "times": FOREVER}, r"the backend refused the request \(413\)"),
        ({"status": 404, "times": FOREVER}, r"API_DOMAIN: there is no /notifications/socket \(404\); .* /api/v1"),
        ({"status": 429, "times": FOREVER}, "the backend answered 429"),
        ({"status": 429, "retryAfter": 3600, "times": FOREVER}, "the backend answered 429"),
        # Either error can occur, depending on whether httpx notices the truncated response or the closed connection
        # first.
        ({"status": 0, "times": FOREVER}, r"the backend could not be reached \((RemoteProtocol|Read)Error\)"),
        ({"latencySeconds": READ_SECONDS * 2}, r"the backend could not be reached \(ReadTimeout\)"),
    ],
    ids=["500", "413", "404", "429", "429 with a long Retry-After", "breaking off", "slow"],
)
@pytest.mark.usefixtures("listeners")
def test_lasting_errors_are_counted_and_described(
    database: Database[Document], backend_url: str, mood: Document, says: str
) -> None:
    progress, pushed = run(database, backend_url, mood)

    assert (progress.socket_users_notified, progress.socket_failures) == (0, LISTENERS)
    assert re.fullmatch(says, progress.socket_failure)
    # A slow backend has accepted the pushes; only its response came too late.
    assert pushed == {} or "ReadTimeout" in says


@pytest.mark.usefixtures("listeners")
def test_a_refused_key_is_named(database: Database[Document], backend_url: str) -> None:
    progress, pushed = run(database, backend_url, {}, key="another key")

    assert (progress.socket_failures, pushed) == (LISTENERS, {})
    assert progress.socket_failure == "API_INTERNAL_SECRET_KEY: the backend refused the key (401)"


@pytest.mark.usefixtures("listeners")
def test_a_backend_that_is_down_is_reported(database: Database[Document], backend_url: str) -> None:
    outside = FakeServices()
    backend = Backend(
        domain=f"http://127.0.0.1:{free_port('127.0.0.1')}",
        key=SecretStr(KEY),
    )
    progress = month_end(database, outside, backend=backend, page=PAGE)

    assert progress.socket_failure == "the backend could not be reached (ConnectError)"
    assert (progress.users_updated, progress.socket_failures, outside.cleanups) == (LISTENERS, LISTENERS, ["started"])
    assert httpx.get(backend_url + "/pushed").json()["users"] == {}


def test_the_largest_push_stays_below_the_backends_body_limit(backend_url: str) -> None:
    """3,500 ids, the most that BACKEND_PUSH_SIZE allows."""
    backend = Backend(domain=backend_url, key=SecretStr(KEY))
    backend.push([ObjectId() for _ in range(3500)], Deadline(time.monotonic() + 60))

    assert 3500 in httpx.get(backend_url + "/pushed").json()["requests"]
