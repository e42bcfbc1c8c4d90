"""A fault-injecting proxy in front of a server; if `mood` is set, it acts as a fake server instead.

The proxy forwards, delays or breaks connections; the fake server sends correct or faulty responses.
"""

from __future__ import annotations

import json
import re
import socket
import time
from functools import partial
from threading import Event, Lock, Thread

HOST = "127.0.0.1"
# Ids of users in a push request.
USER_ID = re.compile(rb'"([0-9a-f]{24})"')
HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n"
ANSWERS = {
    "refuses": b"503 No",
    "denies": b"403 Forbidden",
    "limits": b"429 Too Many Requests",
}
MOODS = ("closes early", "says nothing", "drips", "never ends", "answers a page", *ANSWERS)
ACCEPTS = "accepts"


class FaultProxy:
    """One address on loopback.

    Attributes:
        mood: how connections are answered; empty to pass them on to the server behind it.
        seconds: by how much everything that passes is delayed.
        accepted_ids: user ids in the pushes that the fake service accepted.
    """

    def __init__(self, target: int = 0, mood: str = "") -> None:
        self.mood, self.seconds = mood, 0.0
        self.accepted_ids: set[str] = set()
        self._over = Event()
        self._target, self._pairs, self._lock = target, list[socket.socket](), Lock()
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        self.url = f"http://{HOST}:{self.port}"
        Thread(target=self._accept, daemon=True).start()

    def take(self, mood: str) -> None:
        """Change the mood, and break the open connections so that the new mood applies to every connection."""
        self.mood = mood
        self.reset()

    def reset(self) -> None:
        """Break every connection."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for each in pairs:
            try:
                # Close with a TCP reset instead of an orderly shutdown.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        """Stop listening, and break all connections."""
        self._over.set()
        self._listening.close()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            serve = partial(self._answer, client, self.mood) if self.mood else partial(self._connect, client)
            Thread(target=serve, daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self._target), timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._pairs += [client, server]
        Thread(target=self._pass, args=(client, server), daemon=True).start()
        self._pass(server, client)

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

    def _answer(self, connection: socket.socket, mood: str) -> None:
        head = HEAD % b"200 OK"
        with self._lock:
            self._pairs.append(connection)
        try:
            with connection:
                request = _request(connection)
                match mood:
                    case "accepts":
                        self.accepted_ids.update(each.decode() for each in USER_ID.findall(request))
                        body = json.dumps({"message": "taken"}).encode()
                        connection.sendall(head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                    case "closes early":
                        connection.sendall(head[:20])
                    case "says nothing":
                        self._over.wait(30)
                    case "drips":
                        while not self._over.wait(0.2):
                            connection.sendall(b"x")
                    case "never ends":
                        connection.sendall(head + b"\r\n")
                        while not self._over.is_set():
                            connection.sendall(b"x" * 65536)
                    case "answers a page":
                        connection.sendall(head + b"Content-Length: 6\r\n\r\n<html>")
                    case _:
                        connection.sendall(HEAD % ANSWERS[mood] + b"Content-Length: 0\r\n\r\n")
        except OSError:
            return


def _request(connection: socket.socket) -> bytes:
    """Return a request up to the end of the body that its Content-Length announces."""
    data = connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (part := connection.recv(1 << 16)):
        data += part
        missing -= len(part)
    return data
