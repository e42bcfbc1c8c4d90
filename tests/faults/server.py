"""A MongoDB behind a fault-injecting proxy (fault_proxy.py); it can be killed, frozen and slowed down."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from fault_proxy import HOST, FaultProxy
from pymongo import MongoClient

from joytify_local.mongodb import initiate, mongod_path
from joytify_local.processes import free_port

START_SECONDS = 60


class Server:
    """A single-node replica set behind a fault-injecting proxy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port(HOST)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir()
        self.start()
        self.proxy = FaultProxy(self._port)

    @property
    def direct(self) -> str:
        """Connection string of the server itself, for preparing and checking the data."""
        return f"mongodb://{HOST}:{self._port}/?directConnection=true"

    @property
    def uri(self) -> str:
        """Connection string through the proxy, for the code under test."""
        return f"mongodb://{HOST}:{self.proxy.port}/?directConnection=true"

    def start(self) -> None:
        """Start it, and wait until it can be written to."""
        command = [str(mongod_path()), "--dbpath", str(self._folder / "data"), "--port", str(self._port)]
        command += ["--bind_ip", HOST, "--replSet", "rs0", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
        # A killed run leaves its transaction open: the server aborts it soon.
        command += ["--setParameter", "transactionLifetimeLimitSeconds=3", "--setParameter", "enableTestCommands=1"]
        with (self._folder / "mongod.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._await_primary()

    def _await_primary(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not initiate(self.direct, f"{HOST}:{self._port}"):
            assert time.monotonic() < until, "MongoDB did not become primary"
            time.sleep(0.1)

    def kill(self) -> None:
        """End it without a warning, as a machine that loses power."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def restart_after(self, seconds: float) -> None:
        """Kill the server, and restart it later with its data files."""
        self.kill()
        time.sleep(seconds)
        self.start()

    def freeze(self, seconds: float) -> None:
        """Stop it for a while, with its connections open."""
        self._signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._signal(signal.SIGCONT)

    def step_down(self) -> None:
        """Have it give up being the primary; as the only node it is elected again immediately."""
        with MongoClient[dict[str, Any]](self.direct, serverSelectionTimeoutMS=5000) as client:
            client.admin.command({"replSetStepDown": 1, "secondaryCatchUpPeriodSecs": 0, "force": True})

    def fail(self, commands: list[str], times: int, **how: Any) -> None:
        """Have the server fail the next `times` of these commands.

        `how` is MongoDB's data for the fail point, such as errorCode.
        """
        data = {"failCommands": commands, **how}
        with MongoClient[dict[str, Any]](self.direct) as client:
            client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data})

    def calm(self) -> None:
        """Turn the injected faults off, and wait until the server accepts writes."""
        self.proxy.seconds = 0.0
        self._await_primary()
        with MongoClient[dict[str, Any]](self.direct) as client:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

    def end(self) -> None:
        """Stop everything."""
        self.proxy.close()
        self._signal(signal.SIGCONT)
        self.kill()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
