"""Answers of servers that drip, never end, or pack what nobody asked for, over real connections on loopback."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import httpx
import pytest

from joytify_common.http_answers import MOST_BYTES, json_object, send

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def server(answer: Callable[[socket.socket, Event], None]) -> Iterator[str]:
    """Serve one connection by hand; yield its address."""
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                try:
                    answer(connection, over)
                except OSError:
                    return

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
def test_the_whole_answer_is_bounded_not_each_read(answer: Callable[[socket.socket, Event], None]) -> None:
    """Each read of these is in time."""
    with server(answer) as url, pytest.raises(httpx.RequestError):
        send("GET", url, 0.5, {})


@pytest.mark.parametrize("answer", [drip_head, drip_body])
def test_an_answer_that_took_too_long_keeps_no_thread_and_no_connection(
    answer: Callable[[socket.socket, Event], None],
) -> None:
    """A container lives for hours: what each timeout left behind would add up."""
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


def test_of_an_endless_answer_the_beginning_is_read() -> None:
    def endless(connection: socket.socket, over: Event) -> None:
        connection.sendall(HEAD + b"\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    with server(endless) as url:
        response = send("GET", url, 5, {})

    assert (response.status_code, len(response.content)) == (200, MOST_BYTES)
    assert json_object(response) == {}


def test_a_packed_answer_is_not_unpacked() -> None:
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
