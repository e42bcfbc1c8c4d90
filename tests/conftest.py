"""For every test: a clean environment, no network unless the test's kind needs one, retries without waiting."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import stamina
from background import COMMANDS, STARTED, awaited, begin
from xdist.scheduler import LoadFileScheduling

from joytify_discord.webhook import http_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

OURS = ("AWS_", "SECRET_ID", "SNS_", "DB_NAME", "LOG_LEVEL", "CLEANUP_", "BACKEND_", "READ_PREFERENCE", "STORAGE_")
NEEDS_NETWORK = ("integration", "images", "terraform")
# Whether this process is one of several that the tests are divided among.
DIVIDED = "PYTEST_XDIST_WORKER" in os.environ
NICENESS = 5
# Other tests measure the functions; here, where most run in other processes, to trace them would only cost time.
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


def pytest_configure() -> None:
    """Let the deployment, for which some tests wait, go before the others."""
    if DIVIDED:
        os.nice(NICENESS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder; only the kinds that need the network get it. Then sort them.

    Those that wait for minutes come last; but with several processes, the first waits for the deployment while the
    others work.
    """
    for item in items:
        for kind in NEEDS_NETWORK:
            if kind in item.path.parts:
                item.add_marker(getattr(pytest.mark, kind))
                item.add_marker(pytest.mark.enable_socket)
        if not set(NOT_MEASURED).isdisjoint(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.no_cover)
        if unlisted := COMMANDS.keys() & set(getattr(item, "fixturenames", ())) - awaited([item.nodeid]):
            raise pytest.UsageError(f"{item.nodeid} awaits {', '.join(unlisted)}: name its file in AWAITED_IN")
    ranks = {"deployment": -1} if DIVIDED else {}
    items.sort(key=lambda item: sum(ranks.get(name, 1) for name in awaited([item.nodeid])))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin what tests wait for minutes for, unless they are only listed, or are divided among processes."""
    if not session.config.option.collectonly and not DIVIDED:
        session.config.stash[STARTED] = begin([item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: WorkerController, ids: list[str]) -> None:
    """Begin it once, as soon as the first of the processes knows the tests."""
    if STARTED not in node.config.stash:
        node.config.stash[STARTED] = begin(ids)


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
    if (background := session.config.stash.get(STARTED, None)) is not None:
        background.stop()
