"""An answer by HTTP, read as far as it is of use and no longer than there is time."""

from __future__ import annotations

from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

# The largest answers that are awaited have a few kilobytes.
MOST_BYTES = 64 * 1024


def send(
    client: httpx.Client, method: str, url: httpx.URL | str, seconds: float, request: Mapping[str, Any]
) -> httpx.Response:
    """Send a request and return the answer with at most 64 KiB of its body.

    A timeout of httpx bounds a single read; whoever sends a byte now and then is never out of time. So the request is
    made in a thread, which is left behind when the time is over.

    Args:
        client: which connections are used; several threads may share it.
        method: `POST` and the like.
        url: where to.
        seconds: how long the whole of it may take.
        request: the rest of the request, as `httpx.Client.request` takes it.

    Raises:
        httpx.RequestError: there was no answer in time, or the connection failed.
        httpx.InvalidURL: the address is none.
    """
    answers: Queue[httpx.Response | Exception] = Queue()

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
    if isinstance(answer, Exception):
        raise answer
    return answer


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
