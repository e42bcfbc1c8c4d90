"""Gateway: post to a Discord webhook and edit what was posted; no error shows the URL, whose path is the secret."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from joytify_common.errors import ConfigError, JobError, PermanentError, TransientError
from joytify_discord.limits import ATTACHMENT

if TYPE_CHECKING:
    from pydantic import SecretStr

    from joytify_common.deadline import Deadline
    from joytify_discord.limits import Payload

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
# Discord asks bots to name themselves so: https://discord.com/developers/docs/reference#user-agent
USER_AGENT = "DiscordBot (https://github.com/joytify/pipeline, 0.1)"
# 5xx and broken connections; a 429 is waited out as long as there is time.
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.5
# Discord may say that no wait is needed, and refuse again.
LEAST_PAUSE_SECONDS = 0.1
REFUSED_URL = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


@cache
def http_client() -> httpx.Client:
    """Return the container's one HTTP client."""
    return httpx.Client(headers={"User-Agent": USER_AGENT})


class NotEditableError(PermanentError):
    """The message cannot be edited: it is gone, or its thread is archived."""


@dataclass
class Webhook:
    """One Discord webhook.

    Attributes:
        key: the secret's key that holds its URL; errors name it.
        thread: id of the thread that is posted to, empty for the channel itself.
    """

    client: httpx.Client
    url: SecretStr
    key: str = "DISCORD_WEBHOOK_URL"
    thread: str = ""
    _free_at: float = field(default=0.0, repr=False)

    def post(self, payload: Payload, deadline: Deadline) -> str:
        """Post one message, wait until Discord has stored it, and return its id, empty where Discord named none.

        A message that Discord does not take is tried once more as text only: none is lost to its own shape.

        Raises:
            ConfigError: Discord does not know the webhook.
            PermanentError: Discord does not take the message.
            TransientError: Discord did not take it in the attempts and the time there are.
        """
        try:
            return self._send("POST", "", payload, deadline)
        except _MalformedError:
            return self._send("POST", "", payload.plainest(), deadline)

    def edit(self, message: str, payload: Payload, deadline: Deadline) -> None:
        """Put the payload in the place of a message that was posted; raises TransientError as `post` does.

        Raises:
            NotEditableError: Discord takes no edit of it; it may take a new message.
        """
        try:
            try:
                self._send("PATCH", f"/messages/{message}", payload, deadline)
            except _MalformedError:
                self._send("PATCH", f"/messages/{message}", payload.plainest(), deadline)
        except (PermanentError, ConfigError) as exc:
            raise NotEditableError(str(exc)) from None

    def _send(self, method: str, path: str, payload: Payload, deadline: Deadline) -> str:
        attempt = 0
        while True:
            self._wait(self._free_at - time.monotonic(), deadline, "Discord limits the rate")
            try:
                return str(self._request(method, path, payload, deadline.remaining()).get("id") or "")
            except _LimitedError as exc:
                self._wait(max(exc.pause, LEAST_PAUSE_SECONDS), deadline, str(exc))
            except _RetryableError as exc:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise TransientError(str(exc)) from None
                pause = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
                self._wait(pause * random.uniform(0.5, 1.5), deadline, str(exc))  # noqa: S311 - jitter

    @staticmethod
    def _wait(seconds: float, deadline: Deadline, why: str) -> None:
        if max(seconds, 0) >= deadline.remaining():
            raise TransientError(f"{why}, for longer than there is time")
        if seconds > 0:
            time.sleep(seconds)

    def _request(self, method: str, path: str, payload: Payload, seconds: float) -> dict[str, Any]:
        parameters = ({} if path else {"wait": "true"}) | ({"thread_id": self.thread} if self.thread else {})
        try:
            address = httpx.URL(self.url.get_secret_value())
            address = address.copy_with(path=address.path.rstrip("/") + path).copy_merge_params(parameters)
            timeout = httpx.Timeout(min(READ_SECONDS, seconds), connect=min(CONNECT_SECONDS, seconds))
            response = self.client.request(method, address, timeout=timeout, **_content(payload))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConfigError(f"{self.key}: it is not a URL") from None
        except httpx.RequestError as exc:
            raise _RetryableError(f"Discord could not be reached ({type(exc).__name__})") from None
        self._note_bucket(response)
        if not response.is_success:
            raise self._refusal(response)
        return _json(response)

    def _note_bucket(self, response: httpx.Response) -> None:
        # https://discord.com/developers/docs/topics/rate-limits
        if response.headers.get("X-RateLimit-Remaining") == "0":
            self._free_at = time.monotonic() + (_seconds(response.headers.get("X-RateLimit-Reset-After")) or 0)

    def _refusal(self, response: httpx.Response) -> JobError:
        status = response.status_code
        if status in REFUSED_URL:
            return ConfigError(f"{self.key}: Discord answered {status}: the webhook is gone or its address is wrong")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            pause = _seconds(_json(response).get("retry_after")) or _seconds(response.headers.get("Retry-After"))
            return _LimitedError("Discord limits the rate (429)", FIRST_PAUSE_SECONDS if pause is None else pause)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return _RetryableError(f"Discord answered {status}")
        kind = _MalformedError if status == HTTPStatus.BAD_REQUEST else PermanentError
        return kind(f"Discord refused the message ({status})")


class _RetryableError(JobError):
    pass


class _MalformedError(PermanentError):
    pass


class _LimitedError(JobError):
    def __init__(self, text: str, pause: float) -> None:
        super().__init__(text)
        self.pause = pause


def _content(payload: Payload) -> dict[str, Any]:
    if not payload.attachment:
        return {"json": payload.message()}
    file = (ATTACHMENT, payload.attachment.encode(), "text/plain; charset=utf-8")
    return {"data": {"payload_json": json.dumps(payload.message())}, "files": {"files[0]": file}}


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(value: object) -> float | None:
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
