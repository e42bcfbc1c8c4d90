"""Gateway: post and edit messages of a Discord webhook; no error shows the URL, which is secret."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx
from pydantic import SecretStr

from joytify_common.deadline import GRACE_SECONDS, Deadline
from joytify_common.errors import ConfigError, JobError, PermanentError, TransientError
from joytify_common.http_client import json_object, seconds_in, send
from joytify_common.http_retries import RateLimitedError, RetryPolicy, UnavailableError
from joytify_discord.limits import ATTACHMENT, Payload

READ_SECONDS = 10.0
# The form that Discord requires of bots: https://discord.com/developers/docs/reference#user-agent
USER_AGENT = "DiscordBot (https://github.com/joytify/pipeline, 1.0)"
RETRIES = RetryPolicy(attempts=4, wait_seconds=0.5)
# How long to wait if Discord rate-limits a request without giving a time.
WAIT_SECONDS = 0.5
REFUSED_URL = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class NotEditableError(PermanentError):
    """Discord refuses to edit the message, for example because it was deleted or its thread is archived."""


@dataclass
class Webhook:
    """One Discord webhook.

    Attributes:
        key: the secret's key that holds its URL; errors name it.
        thread: id of the thread to post to; empty for the channel itself.
        transport: replaces the network in tests.
    """

    url: SecretStr
    key: str = "DISCORD_WEBHOOK_URL"
    thread: str = ""
    transport: httpx.BaseTransport | None = None
    _free_at: float = field(default=0.0, init=False, repr=False)

    def post(self, payload: Payload, deadline: Deadline) -> str:
        """Post one message, wait until Discord has stored it, and return its id.

        A message that Discord rejects as malformed is sent again as text only, so that no message
        is lost because of its format.

        Raises:
            ConfigError: Discord does not know the webhook.
            PermanentError: Discord refuses the message.
            TransientError: no attempt succeeded in time.
        """
        return self._send("POST", "", payload, deadline)

    def edit(self, message: str, payload: Payload, deadline: Deadline) -> None:
        """Replace a posted message with the payload.

        Raises:
            NotEditableError: Discord refuses to edit the message, but may accept a new message.
            TransientError: no attempt succeeded in time.
        """
        try:
            self._send("PATCH", f"/messages/{message}", payload, deadline)
        except ConfigError as exc:
            raise NotEditableError(f"{self.key}: the message or the webhook was deleted, or the URL is wrong") from exc
        except PermanentError as exc:
            raise NotEditableError(str(exc)) from exc

    def check(self) -> str:
        """Return the webhook's name in Discord, empty if it has none; raises as `post` does."""
        response = self._answer("GET", "", {}, READ_SECONDS, {})
        # Status 429 proves that the webhook exists.
        if not response.is_success and response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            raise self._refusal(response)
        return str(json_object(response).get("name") or "")

    def _send(self, method: str, path: str, payload: Payload, deadline: Deadline) -> str:
        """Send the payload, as text only if Discord rejects it as malformed; return the message's id."""
        try:
            return RETRIES.call(partial(self._request, method, path, payload, deadline), deadline.remaining())
        except _MalformedError:
            plainest = payload.plainest()
            return RETRIES.call(partial(self._request, method, path, plainest, deadline), deadline.remaining())

    def _request(self, method: str, path: str, payload: Payload, deadline: Deadline) -> str:
        if (seconds := self._free_at - time.monotonic()) > 0:
            raise RateLimitedError(f"Discord rate-limits the webhook for another {seconds:.1f} s", seconds)
        parameters = ({} if path else {"wait": "true"}) | ({"thread_id": self.thread} if self.thread else {})
        # Wait a little beyond the deadline for the response: it contains the id of the message, without which the
        # message would be posted again.
        limit = min(READ_SECONDS, deadline.remaining() + GRACE_SECONDS)
        response = self._answer(method, path, parameters, limit, _content(payload))
        # https://discord.com/developers/docs/topics/rate-limits
        if response.headers.get("X-RateLimit-Remaining") == "0":
            self._free_at = time.monotonic() + (seconds_in(response.headers.get("X-RateLimit-Reset-After")) or 0)
        if not response.is_success:
            raise self._refusal(response)
        if not (identity := json_object(response).get("id")):
            raise TransientError(f"{self.key}: the response ({response.status_code}) did not come from Discord")
        return str(identity)

    def _answer(
        self, method: str, path: str, parameters: Mapping[str, str], seconds: float, request: Mapping[str, Any]
    ) -> httpx.Response:
        """Send a request to the webhook and return Discord's response, whatever its status."""
        try:
            address = httpx.URL(self.url.get_secret_value())
            address = address.copy_with(path=address.path.rstrip("/") + path).copy_merge_params(parameters)
            return send(method, address, seconds, {"headers": {"User-Agent": USER_AGENT}, **request}, self.transport)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConfigError(f"{self.key}: it is not a URL") from None
        except httpx.RequestError as exc:
            raise UnavailableError(f"Discord could not be reached ({type(exc).__name__})") from exc

    def _refusal(self, response: httpx.Response) -> JobError:
        status = response.status_code
        if status in REFUSED_URL:
            thread = ", or the thread does not exist" if self.thread else ""
            return ConfigError(
                f"{self.key}: Discord answered {status}: the webhook was deleted or its URL is wrong{thread}"
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            pause = seconds_in(json_object(response).get("retry_after")) or seconds_in(
                response.headers.get("Retry-After")
            )
            return RateLimitedError("Discord rate-limits the webhook (429)", WAIT_SECONDS if pause is None else pause)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UnavailableError(f"Discord answered {status}")
        kind = _MalformedError if status == HTTPStatus.BAD_REQUEST else PermanentError
        return kind(f"Discord refused the message ({status})")


class _MalformedError(PermanentError):
    pass


def _content(payload: Payload) -> dict[str, Any]:
    if not payload.attachment:
        return {"json": payload.message()}
    file = (ATTACHMENT, payload.attachment.encode(), "text/plain; charset=utf-8")
    return {"data": {"payload_json": json.dumps(payload.message())}, "files": {"files[0]": file}}
