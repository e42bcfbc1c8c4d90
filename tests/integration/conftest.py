"""A real MongoDB for the session, and a database of its own for each test.

`MONGODB_IMAGE` names the image of the server, which then runs in a container; otherwise the embedded server is used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from testcontainers.core.container import DockerContainer

from joytify_local.aws import REGION, aws_client
from joytify_local.mongodb import initiate, start_mongod
from joytify_local.processes import free_port, stop
from joytify_local.stack import start_embedded

Document = dict[str, Any]

PORT = 27017
START_SECONDS = 60
# Enable MongoDB's fail points, so that tests can make the server drop connections or respond slowly. If a run is
# killed, its transaction stays open until the server ends it after TRANSACTION_SECONDS (MongoDB's default is a minute).
TRANSACTION_SECONDS = 3
OPTIONS = (
    "--setParameter",
    "enableTestCommands=1",
    "--setParameter",
    f"transactionLifetimeLimitSeconds={TRANSACTION_SECONDS}",
    # Every five minutes MongoDB would store its sessions, and count them among the documents that it has examined.
    "--setParameter",
    "disableLogicalSessionCacheRefresh=true",
)
# testcontainers' own reaper is an image too, and not every machine can pull it; the fixtures stop what they start.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"


@pytest.fixture(autouse=True)
def _network(socket_enabled: None) -> None:
    """Every test in this folder may use the network of this machine."""


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Connection string of a MongoDB that lives as long as the session."""
    if image := os.environ.get("MONGODB_IMAGE"):
        with _container(image) as uri:
            yield uri
        return
    pid, uri = start_mongod(tmp_path_factory.mktemp("mongodb"), "127.0.0.1", free_port("127.0.0.1"), OPTIONS)
    yield uri
    stop([pid])


@contextmanager
def _container(image: str) -> Iterator[str]:
    command = f"--replSet rs0 --bind_ip_all {' '.join(OPTIONS)}"
    with DockerContainer(image).with_command(command).with_exposed_ports(PORT) as container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(PORT)
        uri = f"mongodb://{host}:{port}/?directConnection=true"
        limit = time.monotonic() + START_SECONDS
        while not initiate(uri, f"127.0.0.1:{PORT}"):
            assert time.monotonic() < limit, "MongoDB did not become primary"
            time.sleep(0.1)
        yield uri


@pytest.fixture(scope="session")
def mongodb(mongodb_uri: str) -> Iterator[MongoClient[Document]]:
    """A client of the session's MongoDB."""
    with MongoClient[Document](mongodb_uri, tz_aware=True) as client:
        yield client


@pytest.fixture
def database(mongodb: MongoClient[Document]) -> Iterator[Database[Document]]:
    """An empty database of the test's own."""
    name = f"test-{uuid4().hex[:12]}"
    yield mongodb[name]
    mongodb.drop_database(name)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A local AWS."""
    stack = start_embedded("joytify-tests", functions=False)
    yield stack.aws
    stack.stop()


@pytest.fixture
def bucket(endpoint: str) -> str:
    """An empty bucket of the test's own."""
    name = f"archive-{uuid4().hex[:12]}"
    aws_client("s3", endpoint).create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name
