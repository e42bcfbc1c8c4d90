"""Gateway: ask the Joytify backend to push the notification live over WebSocket (HTTP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from bson import ObjectId
from pydantic import SecretStr

from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, JobError, TransientError
from joytify_common.http_answers import json_object, send
from joytify_common.http_retries import RateLimitedError, RetryPolicy, UnavailableError

PATH = "/notifications/socket"
READ_SECONDS, LEAST_SECONDS = 10.0, 0.1
RETRIES = RetryPolicy(attempts=3, wait_seconds=0.2)
# A push begins no attempt much later than this.
RETRY_SECONDS = 20.0
REFUSED_KEY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class KeyRefusedError(ConfigError):
    """The backend does not take the API key; no further push can go through."""


@dataclass(frozen=True)
class Backend:
    """The Joytify backend.

    Attributes:
        domain: base URL, `https://...`.
        key: internal API key.
        read_seconds: how long an answer may take.
        transport: takes the place of the network, for tests.
    """

    domain: str
    key: SecretStr
    read_seconds: float = READ_SECONDS
    transport: httpx.BaseTransport | None = None

    def push(self, users: Sequence[ObjectId], deadline: Deadline) -> None:
        """Have the backend notify these users; 5xx and connection errors are retried a few times.

        A `Retry-After` is waited out; one longer than the time that is left ends the retries.

        Raises:
            KeyRefusedError: the key was refused.
            ConfigError: the request was refused for another reason.
            TransientError: the backend did not take the request.
        """
        body = {"userIds": [str(user) for user in users]}
        if (seconds := min(RETRY_SECONDS, deadline.remaining())) == 0:
            raise TransientError("there was no time left to push")
        # A first attempt is worth a moment even if the deadline has just come.
        RETRIES.call(lambda: self._post(body, max(deadline.remaining(), LEAST_SECONDS)), seconds)

    def _post(self, body: dict[str, list[str]], seconds: float) -> None:
        try:
            response = send(
                "POST",
                self.domain.rstrip("/") + PATH,
                min(self.read_seconds, seconds),
                {"headers": {"x-api-key": self.key.get_secret_value()}, "json": body},
                self.transport,
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConfigError("API_DOMAIN: it must be a URL that begins with https:// or http://") from None
        except (UnicodeError, httpx.LocalProtocolError):
            raise ConfigError(
                "API_INTERNAL_SECRET_KEY: it must be ASCII, without spaces or line breaks at its ends"
            ) from None
        except httpx.RequestError as exc:
            raise UnavailableError(f"the backend could not be reached ({type(exc).__name__})") from exc
        if not response.is_success:
            raise _refusal(response)
        if not json_object(response):
            # A proxy's page, or the app's own.
            raise ConfigError(
                f"API_DOMAIN: {response.status_code} came back, but no answer of the backend; "
                "in production the address ends in /api/v1"
            )


def _refusal(response: httpx.Response) -> JobError:
    status = response.status_code
    if status in REFUSED_KEY:
        return KeyRefusedError(f"API_INTERNAL_SECRET_KEY: the backend refused the key ({status})")
    if status == HTTPStatus.TOO_MANY_REQUESTS and (seconds := _retry_after(response)) is not None:
        return RateLimitedError(f"the backend answered {status}", seconds)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError(f"the backend answered {status}", _retry_after(response))
    if status == HTTPStatus.NOT_FOUND:
        return ConfigError(f"API_DOMAIN: there is no {PATH} (404); in production the address ends in /api/v1")
    return ConfigError(f"the backend refused the request ({status})")


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that the header names; its other form, a date, is as good as none."""
    try:
        seconds = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    # "nan" and "-1" are numbers to Python.
    return seconds if seconds >= 0 else None
