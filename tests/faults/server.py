"""A MongoDB that can be killed, frozen and slowed down, behind a proxy that resets and delays connections."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from pymongo import MongoClient

from joytify_local.mongodb import initiate, mongod_path
from joytify_local.processes import free_port

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 60


class Proxy:
    """Passes connections on, and what is sent on them after a delay; resets them on demand."""

    def __init__(self, port: int) -> None:
        self.seconds = 0.0
        self._target = port
        self._pairs: list[socket.socket] = []
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self._target), timeout=5)
            except OSError:
                client.close()
                continue
            self._pairs += [client, server]
            for one, other in ((client, server), (server, client)):
                Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if self.seconds:
                    time.sleep(self.seconds)
                other.sendall(data)
        except OSError:
            pass
        finally:
            one.close()
            other.close()

    def reset(self) -> None:
        """Break every connection."""
        pairs, self._pairs = self._pairs, []
        for each in pairs:
            try:
                # With a reset instead of an orderly end.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        """Accept no more."""
        self._listening.close()
        self.reset()


class Server:
    """One mongod of a replica set of one, and the proxy before it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port(HOST)
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir()
        self.start()
        self.proxy = Proxy(self._port)

    @property
    def direct(self) -> str:
        """Connection string of the server itself, for whoever fills it and looks at the end."""
        return f"mongodb://{HOST}:{self._port}/?directConnection=true"

    @property
    def uri(self) -> str:
        """Connection string of the proxy, for what is tested."""
        return f"mongodb://{HOST}:{self.proxy.port}/?directConnection=true"

    def start(self) -> None:
        """Start it, and wait until it can be written to."""
        command = [str(mongod_path()), "--dbpath", str(self._folder / "data"), "--port", str(self._port)]
        command += ["--bind_ip", HOST, "--replSet", "rs0", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]
        # A run that is killed leaves its transaction open.
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
        """Kill it, and start it a while later on what it had written."""
        self.kill()
        time.sleep(seconds)
        self.start()

    def freeze(self, seconds: float) -> None:
        """Stop it for a while, with its connections open."""
        self._signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._signal(signal.SIGCONT)

    def step_down(self) -> None:
        """Have it give up being the primary; as the only node it is elected again at once."""
        with MongoClient[dict[str, Any]](self.direct, serverSelectionTimeoutMS=5000) as client:
            client.admin.command({"replSetStepDown": 1, "secondaryCatchUpPeriodSecs": 0, "force": True})

    def fail(self, commands: list[str], times: int, **how: Any) -> None:
        """Have the server fail the next of these commands."""
        data = {"failCommands": commands, **how}
        with MongoClient[dict[str, Any]](self.direct) as client:
            client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": times}, "data": data})

    def calm(self) -> None:
        """End what the server was told to do wrong, and wait until it can be written to."""
        self.proxy.seconds = 0.0
        self._await_primary()
        with MongoClient[dict[str, Any]](self.direct) as client:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})

    def slow(self, seconds: float) -> None:
        """Delay everything by so much."""
        self.proxy.seconds = seconds

    def end(self) -> None:
        """Stop everything."""
        self.proxy.close()
        self._signal(signal.SIGCONT)
        self.kill()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)


class Http:
    """A service that behaves badly: it answers by hand, and counts whom it was told of."""

    def __init__(self, mood: str) -> None:
        self.mood, self.over = mood, Event()
        self._listening = socket.create_server((HOST, 0))
        self.url = f"http://{HOST}:{self._listening.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            Thread(target=partial(self._answer, connection), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        try:
            with connection:
                connection.recv(1 << 20)
                match self.mood:
                    case "closes early":
                        connection.sendall(head[:20])
                    case "says nothing":
                        self.over.wait(30)
                    case "drips":
                        while not self.over.wait(0.2):
                            connection.sendall(b"x")
                    case "never ends":
                        connection.sendall(head + b"\r\n")
                        while not self.over.is_set():
                            connection.sendall(b"x" * 65536)
                    case "answers a page":
                        connection.sendall(head + b"Content-Length: 6\r\n\r\n<html>")
                    case "refuses":
                        connection.sendall(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except OSError:
            return

    def close(self) -> None:
        """Answer nobody any more."""
        self.over.set()
        self._listening.close()
