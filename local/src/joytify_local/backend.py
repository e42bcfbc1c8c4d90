"""The Joytify backend's push endpoint: key, 100 kB body limit, and what was pushed.

`python -m joytify_local.backend --host 127.0.0.1 --port 8001 --key KEY`
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

# Express' default limit of a JSON body, in bytes.
BODY_LIMIT = 100 * 1024
OBJECT_ID = re.compile(r"[0-9a-f]{24}")


def application(key: str) -> Starlette:
    """Return the backend: it takes pushes with this key, and answers `GET /pushed` with what it took."""
    pushed: Counter[str] = Counter()
    requests: list[int] = []

    async def push(request: Request) -> Response:
        if request.headers.get("x-api-key") != key:
            return JSONResponse({"message": "Invalid API key"}, status_code=401)
        body = await request.body()
        if len(body) > BODY_LIMIT:
            return JSONResponse({"message": "request entity too large"}, status_code=413)
        if (users := _user_ids(body)) is None:
            return JSONResponse({"message": "userIds must be a list of ObjectIds"}, status_code=400)
        pushed.update(users)
        requests.append(len(users))
        return JSONResponse({"message": "Notification sent", "count": len(users)})

    async def show(_: Request) -> Response:
        return JSONResponse({"users": dict(pushed), "requests": requests})

    async def forget(_: Request) -> Response:
        pushed.clear()
        requests.clear()
        return Response(status_code=204)

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/notifications/socket", push, methods=["POST"]),
            Route("/pushed", show, methods=["GET"]),
            Route("/pushed", forget, methods=["DELETE"]),
            Route("/health", health, methods=["GET"]),
        ]
    )


def _user_ids(body: bytes) -> list[str] | None:
    try:
        users = json.loads(body)["userIds"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(users, list) or not users:
        return None
    return users if all(isinstance(user, str) and OBJECT_ID.fullmatch(user) for user in users) else None


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--key", required=True, help="the API key that is taken")
    options = parser.parse_args()
    uvicorn.run(application(options.key), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
