"""Gateway: ask the Joytify backend over HTTP to push the notification live over WebSocket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from bson import ObjectId
from pydantic import SecretStr

from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, JobError
from joytify_common.http_client import json_object, seconds_in, send
from joytify_common.http_retries import RateLimitedError, RetryPolicy, UnavailableError

PATH = "/notifications/socket"
READ_SECONDS, MIN_SECONDS = 10.0, 0.1
RETRIES = RetryPolicy(attempts=3, wait_seconds=0.2)
# After this many seconds, no further retry of a push is scheduled; a retry whose wait has begun is still made.
RETRY_SECONDS = 20.0
REFUSED_KEY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class KeyRefusedError(ConfigError):
    """The backend rejected the API key, so no further push can succeed."""


@dataclass(frozen=True)
class Backend:
    """The Joytify backend.

    Attributes:
        domain: base URL, `https://...`.
        key: internal API key.
        transport: replaces the network in tests.
    """

    domain: str
    key: SecretStr
    transport: httpx.BaseTransport | None = None

    def push(self, users: Sequence[ObjectId], deadline: Deadline) -> None:
        """Ask the backend to notify these users; retry 5xx and connection errors a few times.

        Wait for the time in `Retry-After`, unless it is longer than the time left.

        Raises:
            KeyRefusedError: the backend rejected the key.
            ConfigError: the backend rejected the request for another reason.
            TransientError: the backend did not accept the request in time.
        """
        body = {"userIds": [str(user) for user in users]}
        seconds = min(RETRY_SECONDS, deadline.remaining())
        # Give each attempt a moment, even if the deadline has passed in the meantime.
        RETRIES.call(lambda: self._post(body, max(deadline.remaining(), MIN_SECONDS)), seconds)

    def _post(self, body: dict[str, list[str]], seconds: float) -> None:
        try:
            response = send(
                "POST",
                self.domain.rstrip("/") + PATH,
                min(READ_SECONDS, seconds),
                {"headers": {"x-api-key": self.key.get_secret_value()}, "json": body},
                self.transport,
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConfigError("API_DOMAIN: it must be a URL that begins with https:// or http://") from None
        except (UnicodeError, httpx.LocalProtocolError):
            raise ConfigError(
                "API_INTERNAL_SECRET_KEY: it must be ASCII, without leading or trailing white space"
            ) from None
        except httpx.RequestError as exc:
            raise UnavailableError(f"the backend could not be reached ({type(exc).__name__})") from exc
        if not response.is_success:
            raise _refusal(response)
        if not json_object(response):
            # The response may be a page of a proxy or of the web app.
            raise ConfigError(
                f"API_DOMAIN: the response ({response.status_code}) is not the backend's; "
                "in production the URL ends in /api/v1"
            )


def _refusal(response: httpx.Response) -> JobError:
    status, wait = response.status_code, seconds_in(response.headers.get("Retry-After"))
    if status in REFUSED_KEY:
        return KeyRefusedError(f"API_INTERNAL_SECRET_KEY: the backend refused the key ({status})")
    if status == HTTPStatus.TOO_MANY_REQUESTS and wait is not None:
        return RateLimitedError(f"the backend answered {status}", wait)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError(f"the backend answered {status}", wait)
    if status == HTTPStatus.NOT_FOUND:
        return ConfigError(f"API_DOMAIN: there is no {PATH} (404); in production the URL ends in /api/v1")
    return ConfigError(f"the backend refused the request ({status})")
