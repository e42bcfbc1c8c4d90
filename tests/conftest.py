"""For every test: a clean environment, no network unless the test's kind needs one, retries without waiting."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import stamina

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = ("AWS_", "SECRET_ID", "SNS_", "DB_NAME", "LOG_LEVEL", "CLEANUP_", "BACKEND_", "READ_PREFERENCE", "STORAGE_")
NEEDS_NETWORK = ("integration", "images", "terraform")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    # boto3 must find no account but the one that a test names.
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "ap-northeast-1",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _instant_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the folder they stand in; only the kinds that need the network get it."""
    for item in items:
        for kind in NEEDS_NETWORK:
            if kind in item.path.parts:
                item.add_marker(getattr(pytest.mark, kind))
                item.add_marker(pytest.mark.enable_socket)
