"""Over real connections: responses that are very slow, never end, or are compressed although nobody asked for it."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from joytify_common import http_client
from joytify_common.http_client import MAX_BYTES, json_object, send
from joytify_local.servers import make_certificate

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def server(answer: Callable[[socket.socket, Event], None]) -> Iterator[str]:
    """Serve one connection with `answer`; yield the URL of the server."""
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            # The client may give up, and the socket be closed, before this thread runs.
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    answer(connection, over)

        Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        over.set()


def drip_head(connection: socket.socket, over: Event) -> None:
    for byte in HEAD * 100:
        connection.sendall(bytes([byte]))
        if over.wait(0.05):
            return


def drip_body(connection: socket.socket, over: Event) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
    while not over.wait(0.05):
        connection.sendall(b" ")


def say_nothing(_: socket.socket, over: Event) -> None:
    over.wait(10)


@pytest.mark.parametrize("answer", [drip_head, drip_body, say_nothing])
def test_the_timeout_applies_to_the_whole_response_not_to_each_read(
    answer: Callable[[socket.socket, Event], None],
) -> None:
    """With `drip_head` and `drip_body`, each single read is within the timeout."""
    with server(answer) as url, pytest.raises(httpx.RequestError):
        send("GET", url, 0.5, {})


@pytest.mark.parametrize("answer", [drip_head, drip_body])
def test_an_answer_that_took_too_long_keeps_no_thread_and_no_connection(
    answer: Callable[[socket.socket, Event], None],
) -> None:
    """A container lives for hours, so leftovers of each timeout would add up."""
    refused = Event()

    def watched(connection: socket.socket, over: Event) -> None:
        try:
            answer(connection, over)
        except OSError:
            refused.set()

    before = threading.active_count()
    with server(watched) as url:
        with pytest.raises(httpx.ReadTimeout):
            send("GET", url, 0.5, {})

        assert refused.wait(10)
        end = time.monotonic() + 10
        while threading.active_count() > before and time.monotonic() < end:
            time.sleep(0.05)
        assert threading.active_count() <= before


@pytest.fixture
def https(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The context of a server on loopback whose certificate is trusted."""
    certificate, key = make_certificate(tmp_path, "127.0.0.1")
    monkeypatch.setattr(http_client, "_tls_context", lambda: ssl.create_default_context(cafile=certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_a_call_that_timed_out_does_not_affect_the_next_call(https: ssl.SSLContext) -> None:
    """A file descriptor may be reused.

    If a call times out and the client closes its socket while the call's thread still reads from it, the next
    connection may get the same file descriptor.
    """
    over = Event()

    def serve(connection: socket.socket) -> None:
        try:
            with https.wrap_socket(connection, server_side=True) as secured:
                if b"/slow" in secured.recv(65536):
                    secured.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n")
                    while not over.wait(0.02):
                        secured.sendall(b" ")
                secured.sendall(HEAD + b'Content-Length: 9\r\n\r\n{"id": 5}')
        except OSError:
            return

    def accept() -> None:
        while True:
            try:
                Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=accept, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        for _ in range(25):
            # On a busy machine the TLS handshake may take longer than the time limit.
            with pytest.raises(httpx.TimeoutException):
                send("GET", url + "/slow", 0.1, {})
            assert json_object(send("GET", url + "/quick", 5, {})) == {"id": 5}
        over.set()


def test_only_the_beginning_of_an_endless_response_is_read() -> None:
    def endless(connection: socket.socket, over: Event) -> None:
        connection.sendall(HEAD + b"\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    with server(endless) as url:
        response = send("GET", url, 5, {})

    assert (response.status_code, len(response.content)) == (200, MAX_BYTES)
    assert json_object(response) == {}


def test_a_compressed_response_is_not_decompressed() -> None:
    packed = gzip.compress(b" " * 100_000_000)

    def bomb(connection: socket.socket, _: Event) -> None:
        head = HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
        connection.sendall(head + packed)

    with server(bomb) as url:
        response = send("GET", url, 5, {})

    assert (response.status_code, response.content) == (200, b"")


def test_an_ordinary_answer_comes_whole_with_its_headers() -> None:
    def ordinary(connection: socket.socket, _: Event) -> None:
        connection.sendall(HEAD + b'Retry-After: 7\r\nContent-Length: 9\r\n\r\n{"id": 5}')

    with server(ordinary) as url:
        response = send("GET", url, 5, {})

    assert json_object(response) == {"id": 5}
    assert response.headers["Retry-After"] == "7"
