"""An answer by HTTP, read as far as it is of use and no longer than there is time."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from queue import Empty, Queue
from ssl import SSLContext
from threading import Thread
from typing import Any

import httpx

# The largest answers that are awaited have a few kilobytes.
MOST_BYTES = 64 * 1024
CONNECT_SECONDS = 3.0


def send(
    method: str,
    url: httpx.URL | str,
    seconds: float,
    request: Mapping[str, Any],
    transport: httpx.BaseTransport | None = None,
) -> httpx.Response:
    """Send a request over a connection of its own and return the answer with at most 64 KiB of its body.

    A timeout of httpx bounds a single read; whoever sends a byte now and then is never out of time. So the request is
    made in a thread, which ends with its connection when the time is over.

    Args:
        method: `POST` and the like.
        url: where to.
        seconds: how long the whole of it may take.
        request: the rest of the request, as `httpx.Client.request` takes it.
        transport: takes the place of the network, for tests.

    Raises:
        httpx.RequestError: there was no answer in time, or the connection failed.
        httpx.InvalidURL: the address is none.
    """
    answers: Queue[httpx.Response | Exception] = Queue()
    connection = _Connection()
    timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))

    def run() -> None:
        try:
            with httpx.Client(verify=_authorities(), timeout=timeout, transport=transport) as client:
                extensions = {"trace": connection.trace}
                answers.put(_read(client, method, url, {**request, "extensions": extensions}))
        except Exception as exc:  # noqa: BLE001 - raised again by whoever waits
            answers.put(exc)

    Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        connection.end()
        raise httpx.ReadTimeout("no whole answer in the time given") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class _Connection:
    """The connection of one call, which is shut down from outside; only the thread that uses it closes it.

    A descriptor that was closed from outside would be that of another connection a moment later, with a reader left.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._is_over = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note the socket that was connected: httpcore's hook."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._sockets.append(info["return_value"].get_extra_info("socket"))
        if self._is_over:
            raise httpx.ReadTimeout("the time is over")

    def end(self) -> None:
        """End whatever waits for the connection."""
        self._is_over = True
        for each in self._sockets:
            # Without TLS's own farewell, which would wait for an answer.
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)


@cache
def _authorities() -> SSLContext:
    """Return the trusted certificates; to read them takes longer than a request."""
    return httpx.create_ssl_context()


def _read(client: httpx.Client, method: str, url: httpx.URL | str, request: Mapping[str, Any]) -> httpx.Response:
    headers = {**request.get("headers", {}), "Accept-Encoding": "identity"}
    with client.stream(method, url, **{**request, "headers": headers}) as response:
        body = bytearray()
        # A packed answer, which nobody has asked for, may hold a thousand times what is read of it.
        is_packed = response.headers.get("Content-Encoding", "identity") != "identity"
        for part in () if is_packed else response.iter_bytes(MOST_BYTES):
            body += part
            if len(body) >= MOST_BYTES:
                break
    kept = [(name, value) for name, value in response.headers.items() if not name.startswith("content-")]
    return httpx.Response(response.status_code, headers=kept, content=bytes(body[:MOST_BYTES]))


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object in the body; an empty one if there is none."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
