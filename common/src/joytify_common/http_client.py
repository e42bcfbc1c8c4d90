"""Send an HTTP request, and read a limited part of its response within a time limit."""

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

# The largest expected responses are a few kilobytes long.
MAX_BYTES = 64 * 1024
CONNECT_SECONDS = 3.0


def send(
    method: str,
    url: httpx.URL | str,
    seconds: float,
    request: Mapping[str, Any],
    transport: httpx.BaseTransport | None = None,
) -> httpx.Response:
    """Send a request over its own connection and return the response, with at most 64 KiB of body.

    A timeout of httpx limits a single read, so a server that sends a byte now and then never times
    out. Therefore the request is made in a thread; when the time is up, its connection is shut
    down, which ends the thread.

    Args:
        method: HTTP method, such as `POST`.
        url: URL of the request.
        seconds: time limit for the whole request.
        request: other arguments of `httpx.Client.request`.
        transport: replaces the network in tests.

    Raises:
        httpx.RequestError: there was no complete response in time, or the connection failed.
        httpx.InvalidURL: the URL is not valid.
    """
    answers: Queue[httpx.Response | Exception] = Queue()
    connection = _Connection()
    timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))

    def run() -> None:
        try:
            with httpx.Client(verify=_tls_context(), timeout=timeout, transport=transport) as client:
                extensions = {"trace": connection.trace}
                answers.put(_read(client, method, url, {**request, "extensions": extensions}))
        except Exception as exc:  # noqa: BLE001 - raised again in the waiting thread
            answers.put(exc)

    Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        connection.end()
        raise httpx.ReadTimeout("no complete response in the time given") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class _Connection:
    """The connection of one call, which another thread can shut down but does not close.

    If another thread closed the socket, a new connection could get the same file descriptor while
    the thread of the call still reads from it.
    """

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._is_over = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Record the connected socket; a hook of httpcore."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._sockets.append(info["return_value"].get_extra_info("socket"))
        if self._is_over:
            # This is the call's own thread. httpcore would not close a socket that was not yet secured.
            for each in self._sockets:
                each.close()
            raise httpx.ReadTimeout("the time is up")

    def end(self) -> None:
        """Shut the connection down; a read that is blocked on the connection then ends."""
        self._is_over = True
        for each in self._sockets:
            # SSLSocket.shutdown would also drop the TLS state, which the thread of the call may still be using.
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)


@cache
def _tls_context() -> SSLContext:
    """Return a TLS context with the trusted CA certificates; cached, since reading them is slower than a request."""
    return httpx.create_ssl_context()


def _read(client: httpx.Client, method: str, url: httpx.URL | str, request: Mapping[str, Any]) -> httpx.Response:
    headers = {**request.get("headers", {}), "Accept-Encoding": "identity"}
    with client.stream(method, url, **{**request, "headers": headers}) as response:
        body = bytearray()
        # Ignore a compressed body: it was not requested, and it may expand to a thousand times its size.
        is_packed = response.headers.get("Content-Encoding", "identity") != "identity"
        for part in () if is_packed else response.iter_bytes(MAX_BYTES):
            body += part
            if len(body) >= MAX_BYTES:
                break
    kept = [(name, value) for name, value in response.headers.items() if not name.startswith("content-")]
    return httpx.Response(response.status_code, headers=kept, content=bytes(body[:MAX_BYTES]))


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object in the body, or an empty dict if the body is not a JSON object."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def seconds_in(value: object) -> float | None:
    """Return the value of a header or a body's field in seconds.

    None if it is not a finite number of at least 0, for example if it is a date.
    """
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
