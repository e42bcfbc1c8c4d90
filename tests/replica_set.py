"""A replica set of three embedded servers, whose primary can step down or be killed."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from joytify_local.mongodb import mongod_path
from joytify_local.processes import free_port

HOST, NAME = "127.0.0.1", "three"
LIMIT_SECONDS = 60


@dataclass
class Node:
    """One server."""

    folder: Path
    port: int = field(default_factory=lambda: free_port(HOST))
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        command = [str(mongod_path()), "--dbpath", str(self.folder), "--bind_ip", HOST, "--port", str(self.port)]
        command += ["--replSet", NAME, "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--quiet"]
        # A run that is cut off leaves its transaction open; the server aborts it after 3 s.
        command += ["--setParameter", "transactionLifetimeLimitSeconds=3"]
        with (self.folder / "mongod.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(self.address, directConnection=True, serverSelectionTimeoutMS=1000)


class ReplicaSet:
    """Three servers, which elect a new primary a second after losing the primary."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(folder / str(number)) for number in range(3)]

    @property
    def uri(self) -> str:
        addresses = ",".join(node.address for node in self.nodes)
        return f"mongodb://{addresses}/?replicaSet={NAME}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        members = [{"_id": number, "host": node.address} for number, node in enumerate(self.nodes)]
        settings = {"electionTimeoutMillis": 3000, "heartbeatIntervalMillis": 500}
        limit = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < limit:
            with suppress(PyMongoError), self.nodes[0].client() as client:
                client.admin.command("replSetInitiate", {"_id": NAME, "members": members, "settings": settings})
                break
            time.sleep(0.2)
        self.settle()

    def stop(self) -> None:
        for node in self.nodes:
            if node.process is not None:
                node.kill()

    def primary(self) -> Node | None:
        for node in self.nodes:
            with suppress(PyMongoError), node.client() as client:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return node
        return None

    def settle(self) -> Node:
        """Start what is down, wait until all three serve, and return the primary."""
        for node in self.nodes:
            if node.process is None:
                node.start()
        limit = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < limit:
            if (primary := self.primary()) is not None and self._states(primary) == [1, 2, 2]:
                return primary
            time.sleep(0.2)
        raise AssertionError("the replica set did not settle")

    @staticmethod
    def _states(primary: Node) -> list[int]:
        with primary.client() as client:
            return sorted(member["state"] for member in client.admin.command("replSetGetStatus")["members"])

    def step_down(self) -> None:
        """Have the primary step down; another is elected."""
        primary = self.primary()
        assert primary is not None
        # The connection may break before the answer comes.
        with suppress(PyMongoError), primary.client() as client:
            client.admin.command("replSetStepDown", 30, secondaryCatchUpPeriodSecs=5)

    def kill_primary(self) -> None:
        """Kill the primary's process; another is elected."""
        primary = self.primary()
        assert primary is not None
        primary.kill()

    def aggregations(self) -> dict[str, int]:
        """Return how many aggregations each server has run, by its address."""
        counts = {}
        for node in self.nodes:
            with node.client() as client:
                counts[node.address] = client.admin.command("serverStatus")["metrics"]["commands"]["aggregate"]["total"]
        return {address: int(count) for address, count in counts.items()}
