"""For every test: a clean environment, no network unless the test's kind needs one, retries without waiting."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import stamina
from background import LIMIT_SECONDS, STARTED, Background, awaited
from xdist.scheduler import LoadFileScheduling

from joytify_discord.webhook import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

OURS = ("AWS_", "SECRET_ID", "SNS_", "DB_NAME", "LOG_LEVEL", "CLEANUP_", "BACKEND_", "READ_PREFERENCE", "STORAGE_")
NEEDS_NETWORK = ("integration", "images", "terraform")
# The functions run in other processes there, or not at all: to measure coverage would only cost time.
NOT_MEASURED = ("images", "terraform", "cli", "local", "test_fan_out.py", "test_operate.py", "test_stack.py")


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


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The waits of the HTTP retries, in seconds, without waiting."""
    made: list[float] = []
    # The modules' own clocks: MongoDB's driver sleeps in threads of this process too.
    clock = SimpleNamespace(sleep=made.append, monotonic=time.monotonic)
    for module in ("joytify_common.http_retries", "tenacity.nap"):
        monkeypatch.setattr(f"{module}.time", clock)
    with stamina.set_testing(False):
        yield made


@pytest.fixture(scope="session", autouse=True)
def _client_that_outlives_an_invocation() -> Iterator[None]:
    """A container's client is closed by the container's end; this process has to do it."""
    yield
    http_client().close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder; only the kinds that need the network get it. Those that wait longest come last."""
    for item in items:
        for kind in NEEDS_NETWORK:
            if kind in item.path.parts:
                item.add_marker(getattr(pytest.mark, kind))
                item.add_marker(pytest.mark.enable_socket)
        if not set(NOT_MEASURED).isdisjoint(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.no_cover)
        if awaited([item.nodeid]):
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))
    items.sort(key=lambda item: len(awaited([item.nodeid])))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what tests wait for minutes for, unless they are only listed, or are divided among processes."""
    if not session.config.option.collectonly and "PYTEST_XDIST_WORKER" not in os.environ:
        _begin(session.config, [item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: WorkerController, ids: list[str]) -> None:
    """Begin it once, as soon as the first of the processes knows the tests."""
    if STARTED not in node.config.stash:
        _begin(node.config, ids)


def _begin(config: pytest.Config, tests: list[str]) -> None:
    config.stash[STARTED] = {name: Background(name) for name in awaited(tests)}


class FileScheduling(LoadFileScheduling):
    """Gives each process files, in their order; those about the deployment, which is one, go to the same."""

    def _split_scope(self, nodeid: str) -> str:
        return "deployment" if "deployment" in awaited([nodeid]) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Return what divides the tests among processes."""
    return FileScheduling(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End what was begun and is still running, such as after an interrupt."""
    for background in session.config.stash.get(STARTED, {}).values():
        background.stop()
