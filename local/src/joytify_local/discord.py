"""Discord's webhook: its limits, its rate limits, edits; and a page that shows what was posted.

`python -m joytify_local.discord --host 127.0.0.1 --port 8002 --token TOKEN`
"""

from __future__ import annotations

import argparse
import json
import time
from collections import deque
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from itertools import count
from typing import TYPE_CHECKING, Any

import uvicorn
from jinja2 import Environment, select_autoescape
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from joytify_local.discord_model import check

if TYPE_CHECKING:
    from starlette.requests import Request

WEBHOOK_ID = "1000000000000000001"
UNKNOWN_WEBHOOK = {"message": "Unknown Webhook", "code": 10015}
UNKNOWN_MESSAGE = {"message": "Unknown Message", "code": 10008}
INVALID_TOKEN = {"message": "Invalid Webhook Token", "code": 50027}
INVALID_JSON = {"message": "The request body contains invalid JSON.", "code": 50109}
# Discord's documented bucket of a webhook.
RATE_REQUESTS = 5
RATE_SECONDS = 2.0


class Channel:
    """What was posted through one webhook, oldest first, and the webhook's rate limit."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.messages: dict[str, dict[str, Any]] = {}
        self._ids = count(int(WEBHOOK_ID) + 1)
        self._recent: deque[float] = deque()

    def refuse(self, webhook: str, token: str) -> Response | None:
        """Return Discord's answer to a wrong address or one request too many; None where neither is so."""
        if webhook != WEBHOOK_ID:
            return JSONResponse(UNKNOWN_WEBHOOK, status_code=404)
        if token != self.token:
            return JSONResponse(INVALID_TOKEN, status_code=401)
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - RATE_SECONDS:
            self._recent.popleft()
        if len(self._recent) >= RATE_REQUESTS:
            return self._limited(self._recent[0] + RATE_SECONDS - now)
        self._recent.append(now)
        return None

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        """Store a new message and return it as Discord does."""
        message = {
            "id": str(next(self._ids)),
            "type": 0,
            "webhook_id": WEBHOOK_ID,
            "timestamp": datetime.now(UTC).isoformat(),
            "edited_timestamp": None,
            "content": body.get("content", ""),
            "embeds": body.get("embeds", []),
            "allowed_mentions": body.get("allowed_mentions"),
        }
        self.messages[message["id"]] = message
        return message

    def edit(self, message: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        """Change what the body names and return the message."""
        changed: dict[str, Any] = {key: body[key] for key in ("content", "embeds", "allowed_mentions") if key in body}
        message.update(changed, edited_timestamp=datetime.now(UTC).isoformat())
        return message

    @staticmethod
    def _limited(seconds: float) -> Response:
        body = {"message": "You are being rate limited.", "retry_after": round(seconds, 3), "global": False}
        headers = {
            "Retry-After": str(int(seconds) + 1),
            "X-RateLimit-Limit": str(RATE_REQUESTS),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset-After": f"{seconds:.3f}",
            "X-RateLimit-Scope": "user",
        }
        return JSONResponse(body, status_code=429, headers=headers)


def application(token: str) -> Starlette:
    """Return a Discord with one webhook, `/api/webhooks/{WEBHOOK_ID}/{token}`, and a page of what was posted."""
    channel = Channel(token)

    async def execute(request: Request) -> Response:
        if (refused := channel.refuse(request.path_params["webhook"], request.path_params["token"])) is not None:
            return refused
        body = await _json(request)
        if isinstance(body, Response):
            return body
        message = channel.add(body)
        return JSONResponse(message) if request.query_params.get("wait") == "true" else Response(status_code=204)

    async def one(request: Request) -> Response:
        if (refused := channel.refuse(request.path_params["webhook"], request.path_params["token"])) is not None:
            return refused
        if (message := channel.messages.get(request.path_params["message"])) is None:
            return JSONResponse(UNKNOWN_MESSAGE, status_code=404)
        if request.method == "GET":
            return JSONResponse(message)
        body = await _json(request)
        return body if isinstance(body, Response) else JSONResponse(channel.edit(message, body))

    webhook = "/api/webhooks/{webhook}/{token}"
    return Starlette(
        routes=[
            Route(webhook, execute, methods=["POST"]),
            Route(webhook + "/messages/{message}", one, methods=["GET", "PATCH"]),
            *_look(channel),
        ]
    )


def _look(channel: Channel) -> list[Route]:
    """Return the routes that Discord does not have: for tests and for people who look."""

    async def listed(_: Request) -> Response:
        return JSONResponse(list(channel.messages.values()))

    async def forget(_: Request) -> Response:
        channel.messages.clear()
        return Response(status_code=204)

    async def page(_: Request) -> Response:
        return HTMLResponse(_page().render(messages=list(channel.messages.values())))

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return [
        Route("/messages", listed, methods=["GET"]),
        Route("/messages", forget, methods=["DELETE"]),
        Route("/health", health, methods=["GET"]),
        Route("/", page, methods=["GET"]),
    ]


async def _json(request: Request) -> dict[str, Any] | Response:
    try:
        body = json.loads(await request.body())
    except ValueError:
        return JSONResponse(INVALID_JSON, status_code=400)
    if (fault := check(body)) is not None:
        return JSONResponse(fault, status_code=400)
    return dict(body)


@cache
def _page() -> Any:  # noqa: ANN401 - jinja2's Template is not generic over what it renders
    source = files("joytify_local").joinpath("discord.html").read_text(encoding="utf-8")
    return Environment(autoescape=select_autoescape(default=True)).from_string(source)


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--token", required=True, help="the webhook's token")
    options = parser.parse_args()
    uvicorn.run(application(options.token), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
