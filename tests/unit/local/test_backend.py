from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from joytify_local.backend import BODY_LIMIT, application

URL = "/notifications/socket"
KEY = {"x-api-key": "key"}


@pytest.fixture
def backend() -> TestClient:
    return TestClient(application("key"))


def test_pushes_with_the_key_are_counted(backend: TestClient) -> None:
    for users in (["a" * 24, "b" * 24], ["a" * 24]):
        assert backend.post(URL, headers=KEY, json={"userIds": users}).status_code == 200

    assert backend.get("/pushed").json() == {"users": {"a" * 24: 2, "b" * 24: 1}, "requests": [2, 1]}


def test_anything_else_is_refused_and_counts_nothing(backend: TestClient) -> None:
    users = {"userIds": ["a" * 24]}

    assert backend.post(URL, json=users).status_code == 401
    assert backend.post(URL, headers={"x-api-key": "other"}, json=users).status_code == 401
    assert backend.post(URL, headers=KEY, json={"userIds": ["a" * 24] * (BODY_LIMIT // 27 + 1)}).status_code == 413
    bodies: list[object] = [{}, {"userIds": ["x"]}, {"userIds": "a" * 24}, []]
    for wrong in bodies:
        assert backend.post(URL, headers=KEY, json=wrong).status_code == 400
    # Like the real backend's schema, z.array(...), the stand-in accepts an empty list: `joytify doctor` sends an empty
    # push.
    assert backend.post(URL, headers=KEY, json={"userIds": []}).status_code == 200
    assert backend.get("/pushed").json()["users"] == {}
