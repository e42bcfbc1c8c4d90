"""A stand-in for a Discord webhook with its limits, and a page that shows its messages.

`python -m joytify_local.discord --host 127.0.0.1 --port 8002 --token TOKEN`
`curl -X PUT -d '{"banSeconds": 40}' http://127.0.0.1:8002/mood`
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from joytify_local.discord_channel import Channel, Limit, Mood
from joytify_local.discord_page import page_of
from joytify_local.discord_validation import check

UNKNOWN_MESSAGE = {"message": "Unknown Message", "code": 10008}
INVALID_JSON = {"message": "The request body contains invalid JSON.", "code": 50109}
# Discord's documented rate limits: requests and seconds, for a webhook and for its channel.
WEBHOOK_LIMIT, CHANNEL_LIMIT = (5, 2.0), (30, 60.0)
MAX_FILE_BYTES = 10 * 1024 * 1024


def application(token: str, *, per_minute: bool = False, pace: float = 1.0) -> Starlette:
    """Return a Discord with one webhook, `/api/webhooks/{id}/{token}`, and a page of its messages.

    Args:
        token: the webhook's token.
        per_minute: whether the channel's limit applies in addition to the webhook's.
        pace: factor by which the periods of the rate limits are shortened, for tests.
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
            _description(webhook, channel),
            Route(webhook, execute, methods=["POST"]),
            Route(webhook + "/messages/{message}", one, methods=["GET", "PATCH"]),
            *_inspection_routes(channel),
        ]
    )


def _description(path: str, channel: Channel) -> Route:
    """Return the route that describes the webhook to a caller who has its token."""

    async def describe(request: Request) -> Response:
        webhook = request.path_params["webhook"]
        if (refused := channel.refuse(webhook, request.path_params["token"])) is not None:
            return refused
        identity = {"id": webhook, "type": 1, "name": "Joytify", "channel_id": "1", "guild_id": "1"}
        return JSONResponse(identity, headers=channel.headers())

    return Route(path, describe, methods=["GET"])


def _inspection_routes(channel: Channel) -> list[Route]:
    """Return the routes that Discord does not have, for tests and for people."""

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

    async def set_mood(request: Request) -> Response:
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
        Route("/mood", set_mood, methods=["PUT"]),
        Route("/health", health, methods=["GET"]),
        Route("/", page, methods=["GET"]),
    ]


async def _read(request: Request) -> tuple[dict[str, Any], dict[str, str]] | Response:
    """Return the message and its files, or Discord's error response if they are invalid."""
    raw: bytes | str = b""
    attached: dict[str, str] = {}
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_part_size=MAX_FILE_BYTES) as form:
            raw = str(form.get("payload_json", ""))
            uploads = [value for value in form.values() if isinstance(value, UploadFile)]
            attached = {str(file.filename): (await file.read()).decode() for file in uploads}
    else:
        raw = await request.body()
    try:
        body = json.loads(raw)
    except ValueError:
        return JSONResponse(INVALID_JSON, status_code=400)
    if sum(len(text.encode()) for text in attached.values()) > MAX_FILE_BYTES:
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
    parser.add_argument("--per-minute", action="store_true", help="also apply the channel's limit of 30 a minute")
    parser.add_argument("--pace", type=float, default=1.0, help="factor that shortens the rate limits' periods")
    options = parser.parse_args()
    discord = application(options.token, per_minute=options.per_minute, pace=options.pace)
    uvicorn.run(discord, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
