"""A Discord channel behind one webhook: its messages and its rate limits."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime
from itertools import count
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

WEBHOOK_ID = "1000000000000000001"
UNKNOWN_WEBHOOK = {"message": "Unknown Webhook", "code": 10015}
INVALID_TOKEN = {"message": "Invalid Webhook Token", "code": 50027}


class Mood(BaseModel):
    """The simulated behaviour of Discord.

    Attributes:
        ban_seconds: time for which every request is refused, as by the global rate limit.
        status: HTTP status with which the next `times` requests are refused.
        times: number of requests to refuse.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    ban_seconds: float = Field(default=0, ge=0)
    status: int = Field(default=500, ge=400)
    times: int = Field(default=0, ge=0)


class Limit:
    """A rate limit: a number of requests per period."""

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
        """Return the number of requests that are allowed now."""
        return self.requests - len(self._recent)


class Channel:
    """The messages posted through one webhook, oldest first, and its rate limits."""

    def __init__(self, token: str, limits: list[Limit]) -> None:
        self.token = token
        self.messages: dict[str, dict[str, Any]] = {}
        self.files: dict[str, str] = {}
        self.mood = Mood()
        self._banned_until = 0.0
        self._ids = count(int(WEBHOOK_ID) + 1)
        self._limits = limits

    def set_mood(self, mood: Mood) -> None:
        """Set the simulated behaviour."""
        self.mood, self._banned_until = mood, time.monotonic() + mood.ban_seconds

    def refuse(self, webhook: str, token: str) -> Response | None:
        """Return Discord's refusal (wrong URL, rate limit, simulated failure); None to accept."""
        if webhook != WEBHOOK_ID:
            return JSONResponse(UNKNOWN_WEBHOOK, status_code=404)
        if token != self.token:
            return JSONResponse(INVALID_TOKEN, status_code=401)
        now = time.monotonic()
        if self.mood.times:
            self.mood.times -= 1
            return JSONResponse({"message": "simulated failure"}, status_code=self.mood.status)
        if now < self._banned_until:
            return self._limited(self._banned_until - now, "global")
        if (wait := max(limit.wait(now) for limit in self._limits)) > 0:
            return self._limited(wait, "shared")
        for limit in self._limits:
            limit.take(now)
        return None

    def headers(self) -> dict[str, str]:
        """Return the rate limit headers that Discord sends with every response."""
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
        """Change the parts of the message that are in the body, and return the message."""
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
