"""A stand-in for the backend's push endpoint: it checks the key and the body's size, and can simulate failures.

`python -m joytify_local.backend --host 127.0.0.1 --port 8001 --key KEY`
`curl -X PUT -d '{"latencySeconds": 0.02, "status": 429, "retryAfter": 1, "times": 2}' http://127.0.0.1:8001/mood`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections import Counter

import uvicorn
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

# Express' default limit for a JSON body, in bytes.
BODY_LIMIT = 100 * 1024
OBJECT_ID = re.compile(r"[0-9a-f]{24}")


class Mood(BaseModel):
    """The simulated behaviour of the backend.

    Attributes:
        latency_seconds: delay before every response.
        status: HTTP status with which the next `times` pushes are refused; 0 closes the connection in the middle of the
            response.
        retry_after: seconds in the `Retry-After` header of these responses; None for no header.
        times: number of pushes to refuse.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    latency_seconds: float = Field(default=0, ge=0)
    status: int = 503
    retry_after: float | None = None
    times: int = Field(default=0, ge=0)

    def next_refusal(self) -> Response | None:
        """Return the response that refuses the next push; None if the push is accepted."""
        if self.times == 0:
            return None
        self.times -= 1
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        if self.status == 0:
            # Fewer bytes than announced: the server closes the connection within the response.
            return Response(b"{", headers={"Content-Length": "100"}, media_type="application/json")
        return JSONResponse({"message": "simulated failure"}, status_code=self.status, headers=headers)


class Backend:
    """A backend that accepts one key and records the pushes."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._mood = Mood()
        self._pushed: Counter[str] = Counter()
        self._requests: list[int] = []

    async def push(self, request: Request) -> Response:
        """Accept a push, as the real backend does."""
        await asyncio.sleep(self._mood.latency_seconds)
        if (refusal := self._mood.next_refusal()) is not None:
            return refusal
        if request.headers.get("x-api-key") != self._key:
            return JSONResponse({"message": "Invalid API key"}, status_code=401)
        body = await request.body()
        if len(body) > BODY_LIMIT:
            return JSONResponse({"message": "request entity too large"}, status_code=413)
        if (users := _user_ids(body)) is None:
            return JSONResponse({"message": "userIds must be a list of ObjectIds"}, status_code=400)
        self._pushed.update(users)
        self._requests.append(len(users))
        return JSONResponse({"message": "Notification sent", "count": len(users)})

    async def show(self, _: Request) -> Response:
        """Return the number of pushes to each user, and the number of users in each request."""
        return JSONResponse({"users": dict(self._pushed), "requests": self._requests})

    async def forget(self, _: Request) -> Response:
        """Clear the record of pushes."""
        self._pushed.clear()
        self._requests.clear()
        return Response(status_code=204)

    async def set_mood(self, request: Request) -> Response:
        """Set the simulated behaviour."""
        try:
            self._mood = Mood.model_validate_json(await request.body())
        except ValidationError as exc:
            return JSONResponse({"errors": exc.errors(include_url=False, include_context=False)}, status_code=400)
        return Response(status_code=204)


def application(key: str) -> Starlette:
    """Return the backend, which accepts pushes with this key and lists them at `GET /pushed`."""
    backend = Backend(key)

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/notifications/socket", backend.push, methods=["POST"]),
            Route("/pushed", backend.show, methods=["GET"]),
            Route("/pushed", backend.forget, methods=["DELETE"]),
            Route("/mood", backend.set_mood, methods=["PUT"]),
            Route("/health", health, methods=["GET"]),
        ]
    )


def _user_ids(body: bytes) -> list[str] | None:
    try:
        users = json.loads(body)["userIds"]
    except (ValueError, KeyError, TypeError):
        return None
    # As in the real backend's schema, an empty list is valid.
    if not isinstance(users, list):
        return None
    return users if all(isinstance(user, str) and OBJECT_ID.fullmatch(user) for user in users) else None


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--key", required=True, help="the API key that is accepted")
    options = parser.parse_args()
    uvicorn.run(application(options.key), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
