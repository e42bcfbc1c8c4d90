"""For every test: a clean environment, no network unless the test's folder allows it, retries without waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import stamina
from hypothesis import HealthCheck, settings

# On GitHub, and where a user forces colours, typer would write escape sequences into the texts that tests compare; it
# reads these variables once, when it is imported.
for _name in ("GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS"):
    os.environ.pop(_name, None)

# An example that the machine delays is no fault.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

OURS = ("AWS_", "SECRET_ID", "SNS_", "DB_NAME", "LOG_LEVEL", "CLEANUP_", "BACKEND_", "READ_PREFERENCE", "STORAGE_")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    # boto3 must use only the credentials and region set here, never those of this machine.
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


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The waits of the HTTP retries, in seconds; instead of sleeping, the retries advance their clock."""
    made: list[float] = []
    # Replace `time` in these modules only: MongoDB's driver must really sleep, in threads of this process.
    clock = SimpleNamespace(sleep=made.append, monotonic=lambda: time.monotonic() + sum(made))
    for module in ("joytify_common.http_retries", "joytify_common.deadline", "joytify_discord.webhook", "tenacity.nap"):
        monkeypatch.setattr(f"{module}.time", clock)
    with stamina.set_testing(False):
        yield made
