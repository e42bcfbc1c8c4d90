"""Discord's webhook: its limits, its rate limits, attachments, edits; and a page that shows what was posted.

`python -m joytify_local.discord --host 127.0.0.1 --port 8002 --token TOKEN`
`curl -X PUT -d '{"banSeconds": 40}' http://127.0.0.1:8002/mood`
"""

from __future__ import annotations

import argparse
import json
import time
from collections import deque
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from joytify_local.discord_model import check
from joytify_local.discord_page import page_of

if TYPE_CHECKING:
    from starlette.requests import Request

WEBHOOK_ID = "1000000000000000001"
UNKNOWN_WEBHOOK = {"message": "Unknown Webhook", "code": 10015}
UNKNOWN_MESSAGE = {"message": "Unknown Message", "code": 10008}
INVALID_TOKEN = {"message": "Invalid Webhook Token", "code": 50027}
INVALID_JSON = {"message": "The request body contains invalid JSON.", "code": 50109}
# Discord's documented buckets: requests in so many seconds, for a webhook and for its channel.
WEBHOOK_LIMIT, CHANNEL_LIMIT = (5, 2.0), (30, 60.0)
MOST_FILE_BYTES = 10 * 1024 * 1024


class Mood(BaseModel):
    """How Discord behaves from now on.

    Attributes:
        ban_seconds: every request is refused for so long, as when the whole address is limited.
        status: answer of the next `times` requests instead of taking them.
        times: how many requests are answered so.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    ban_seconds: float = Field(default=0, ge=0)
    status: int = Field(default=500, ge=400)
    times: int = Field(default=0, ge=0)


class Limit:
    """A number of requests in a time."""

    def __init__(self, requests: int, seconds: float) -> None:
        self.requests, self.seconds = requests, seconds
        self._recent: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Return how long the next request has to wait, in seconds."""
        while self._recent and self._recent[0] <= now - self.seconds:
            self._recent.popleft()
        return self._recent[0] + self.seconds - now if len(self._recent) >= self.requests else 0.0

    def take(self, now: float) -> None:
        """Count a request."""
        self._recent.append(now)

    def left(self) -> int:
        """Return how many more requests there may be now."""
        return self.requests - len(self._recent)


class Channel:
    """What was posted through one webhook, oldest first, and the rate limits."""

    def __init__(self, token: str, limits: list[Limit]) -> None:
        self.token = token
        self.messages: dict[str, dict[str, Any]] = {}
        self.files: dict[str, str] = {}
        self.requests = 0
        self.mood = Mood()
        self._banned_until = 0.0
        self._ids = count(int(WEBHOOK_ID) + 1)
        self._limits = limits

    def set_mood(self, mood: Mood) -> None:
        """Behave so from now on."""
        self.mood, self._banned_until = mood, time.monotonic() + mood.ban_seconds

    def refuse(self, webhook: str, token: str) -> Response | None:
        """Return Discord's answer to a wrong address or one request too many; None where neither is so."""
        self.requests += 1
        if webhook != WEBHOOK_ID:
            return JSONResponse(UNKNOWN_WEBHOOK, status_code=404)
        if token != self.token:
            return JSONResponse(INVALID_TOKEN, status_code=401)
        now = time.monotonic()
        if self.mood.times:
            self.mood.times -= 1
            return JSONResponse({"message": "in a mood"}, status_code=self.mood.status)
        if now < self._banned_until:
            return self._limited(self._banned_until - now, "global")
        if (wait := max(limit.wait(now) for limit in self._limits)) > 0:
            return self._limited(wait, "shared")
        for limit in self._limits:
            limit.take(now)
        return None

    def headers(self) -> dict[str, str]:
        """Return what Discord says of the webhook's bucket in every answer."""
        limit = self._limits[0]
        reset = limit.wait(time.monotonic())
        return {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(limit.left()),
            "X-RateLimit-Reset-After": f"{reset:.3f}",
        }

    def add(self, body: dict[str, Any], files: dict[str, str], thread: str) -> dict[str, Any]:
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
            "thread": thread,
            "attachments": [],
        }
        self.messages[message["id"]] = message
        return self.attach(message, files)

    def attach(self, message: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
        """Store the files with the message and return it."""
        for name, text in files.items():
            path = f"/attachments/{message['id']}/{name}"
            self.files[path] = text
            message["attachments"].append({"filename": name, "size": len(text.encode()), "url": path})
        return message

    def edit(self, message: dict[str, Any], body: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
        """Change what the body names and return the message."""
        if "attachments" in body:
            message["attachments"] = []
        changed: dict[str, Any] = {key: body[key] for key in ("content", "embeds", "allowed_mentions") if key in body}
        message.update(changed, edited_timestamp=datetime.now(UTC).isoformat())
        return self.attach(message, files)

    @staticmethod
    def _limited(seconds: float, scope: str) -> Response:
        body = {
            "message": "You are being rate limited.",
            "retry_after": round(seconds, 3),
            "global": scope == "global",
        }
        headers = {"Retry-After": str(int(seconds) + 1), "X-RateLimit-Scope": scope}
        return JSONResponse(body, status_code=429, headers=headers)


def application(token: str, *, per_minute: bool = False, pace: float = 1.0) -> Starlette:
    """Return a Discord with one webhook, `/api/webhooks/{WEBHOOK_ID}/{token}`, and a page of what was posted.

    Args:
        token: the webhook's token.
        per_minute: whether the channel's limit holds besides the webhook's.
        pace: the limits' seconds are divided by this, for tests that cannot wait.
    """
    limits = [WEBHOOK_LIMIT, CHANNEL_LIMIT] if per_minute else [WEBHOOK_LIMIT]
    channel = Channel(token, [Limit(requests, seconds / pace) for requests, seconds in limits])

    async def execute(request: Request) -> Response:
        if (refused := channel.refuse(request.path_params["webhook"], request.path_params["token"])) is not None:
            return refused
        read = await _read(request)
        if isinstance(read, Response):
            return read
        message = channel.add(*read, thread=request.query_params.get("thread_id", ""))
        if request.query_params.get("wait") != "true":
            return Response(status_code=204, headers=channel.headers())
        return JSONResponse(message, headers=channel.headers())

    async def one(request: Request) -> Response:
        if (refused := channel.refuse(request.path_params["webhook"], request.path_params["token"])) is not None:
            return refused
        if (message := channel.messages.get(request.path_params["message"])) is None:
            return JSONResponse(UNKNOWN_MESSAGE, status_code=404)
        if request.method == "GET":
            return JSONResponse(message)
        read = await _read(request)
        if isinstance(read, Response):
            return read
        return JSONResponse(channel.edit(message, *read), headers=channel.headers())

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
        channel.files.clear()
        return Response(status_code=204)

    async def page(_: Request) -> Response:
        return HTMLResponse(page_of(list(channel.messages.values())))

    async def attachment(request: Request) -> Response:
        text = channel.files.get(request.url.path)
        return PlainTextResponse(text) if text is not None else PlainTextResponse("gone", status_code=404)

    async def be(request: Request) -> Response:
        try:
            channel.set_mood(Mood.model_validate_json(await request.body()))
        except ValidationError as exc:
            return JSONResponse({"errors": exc.errors(include_url=False, include_context=False)}, status_code=400)
        return Response(status_code=204)

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return [
        Route("/messages", listed, methods=["GET"]),
        Route("/messages", forget, methods=["DELETE"]),
        Route("/attachments/{message}/{name}", attachment, methods=["GET"]),
        Route("/mood", be, methods=["PUT"]),
        Route("/health", health, methods=["GET"]),
        Route("/", page, methods=["GET"]),
    ]


async def _read(request: Request) -> tuple[dict[str, Any], dict[str, str]] | Response:
    """Return the message and its files, or Discord's answer to what is wrong with them."""
    raw: bytes | str = b""
    attached: dict[str, str] = {}
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_part_size=MOST_FILE_BYTES) as form:
            raw = str(form.get("payload_json", ""))
            uploads = [value for value in form.values() if isinstance(value, UploadFile)]
            attached = {str(file.filename): (await file.read()).decode() for file in uploads}
    else:
        raw = await request.body()
    try:
        body = json.loads(raw)
    except ValueError:
        return JSONResponse(INVALID_JSON, status_code=400)
    if sum(len(text.encode()) for text in attached.values()) > MOST_FILE_BYTES:
        return JSONResponse({"message": "Request entity too large", "code": 40005}, status_code=413)
    if (fault := check(body)) is not None:
        return JSONResponse(fault, status_code=400)
    return dict(body), attached


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--token", required=True, help="the webhook's token")
    parser.add_argument("--per-minute", action="store_true", help="the channel's limit of 30 a minute holds too")
    parser.add_argument("--pace", type=float, default=1.0, help="how many times faster the limits' clocks run")
    options = parser.parse_args()
    discord = application(options.token, per_minute=options.per_minute, pace=options.pace)
    uvicorn.run(discord, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
