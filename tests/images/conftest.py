"""The built images under their own runtime emulator, with a local AWS and MongoDB that containers reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest
from containers import Function

from joytify_cli.docker import bridge_address, docker
from joytify_local.aws import aws_client
from joytify_local.stack import Stack, start_embedded

START_SECONDS = 30


@pytest.fixture(autouse=True)
def _network(socket_enabled: None) -> None:
    """Every test in this folder may use the network of this machine."""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """MongoDB, local AWS, backend and Discord on the Docker bridge's address."""
    started = start_embedded("joytify-images", host=bridge_address())
    yield started
    started.stop()


@pytest.fixture(scope="session")
def environment(stack: Stack) -> dict[str, str]:
    """The environment that a function needs to find the stack."""
    topic = aws_client("sns", stack.aws).list_topics()["Topics"][0]["TopicArn"]
    return {
        "AWS_ENDPOINT_URL": stack.aws,
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "SNS_TOPIC_ARN": topic,
        "DB_NAME": "joytify-images",
    }


@pytest.fixture
def start() -> Iterator[Callable[[str, Mapping[str, str]], Function]]:
    """Start an image as Lambda does: any user, a read-only file system; the container is removed after the test."""
    started: list[str] = []

    def run(short: str, environment: Mapping[str, str]) -> Function:
        settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        options = ["--read-only", "--user", "12345:12345", "-p", "127.0.0.1::8080"]
        container = docker("run", "-d", *options, *settings, f"joytify/{short}")
        started.append(container)
        url = "http://" + docker("port", container, "8080/tcp").splitlines()[0]
        limit = time.monotonic() + START_SECONDS
        while not _listens(url) and time.monotonic() < limit:
            time.sleep(0.05)
        return Function(container=container, url=url)

    yield run
    if started:
        docker("rm", "-f", *started)


def _listens(url: str) -> bool:
    try:
        httpx.get(url, timeout=1)
    except httpx.TransportError:
        return False
    return True
