"""An answer by HTTP, read as far as it is of use and no longer than there is time."""

from __future__ import annotations

from collections.abc import Mapping
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
    timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    client = httpx.Client(verify=_authorities(), timeout=timeout, transport=transport)

    def run() -> None:
        try:
            answers.put(_read(client, method, url, request))
        except Exception as exc:  # noqa: BLE001 - raised again by whoever waits
            answers.put(exc)

    Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise httpx.ReadTimeout("no whole answer in the time given") from None
    finally:
        client.close()
    if isinstance(answer, Exception):
        raise answer
    return answer


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
