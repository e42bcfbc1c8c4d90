"""Gateway: ask the Joytify backend to push the notification live over WebSocket (HTTP)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
import stamina

from joytify_common.errors import ConfigError, JobError, TransientError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bson import ObjectId
    from pydantic import SecretStr

PATH = "/notifications/socket"
CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
ATTEMPTS = 3
# A push with all its attempts takes no longer than this and one more answer.
RETRY_SECONDS = 20.0
REFUSED_KEY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class KeyRefusedError(ConfigError):
    """The backend does not take the API key; no further push can go through."""


class _BusyError(TransientError):
    """The backend asks to be left alone for so many seconds; None where it does not say how long."""

    def __init__(self, text: str, pause: float | None) -> None:
        super().__init__(text)
        self.pause = pause


@cache
def http_client() -> httpx.Client:
    """Return the container's one HTTP client."""
    return httpx.Client(timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS), follow_redirects=False)


@dataclass(frozen=True)
class Backend:
    """The Joytify backend.

    Attributes:
        client: HTTP client.
        domain: base URL, `https://...`.
        key: internal API key.
    """

    client: httpx.Client
    domain: str
    key: SecretStr

    def push(self, users: Sequence[ObjectId]) -> None:
        """Have the backend tell these users; 429, 5xx and connection errors are retried a few times.

        A `Retry-After` is honoured; one longer than the time for retries ends them.

        Raises:
            KeyRefusedError: the key was refused.
            ConfigError: the request was refused for another reason.
            TransientError: the backend did not take the request.
        """
        body = {"userIds": [str(user) for user in users]}
        for attempt in stamina.retry_context(on=_pause_before_retry, attempts=ATTEMPTS, timeout=RETRY_SECONDS):
            with attempt:
                self._post(body)

    def _post(self, body: dict[str, list[str]]) -> None:
        try:
            response = self.client.post(
                self.domain.rstrip("/") + PATH, json=body, headers={"x-api-key": self.key.get_secret_value()}
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConfigError("API_DOMAIN: it must be a URL that begins with https:// or http://") from None
        except UnicodeError:
            raise ConfigError("API_INTERNAL_SECRET_KEY: it must be ASCII") from None
        except httpx.RequestError as exc:
            raise TransientError(f"the backend could not be reached ({type(exc).__name__})") from None
        if not response.is_success:
            raise _refusal(response)


def _pause_before_retry(exc: Exception) -> bool | float:
    """Return whether to try again, or after how many seconds: stamina's backoff hook."""
    if isinstance(exc, _BusyError) and exc.pause is not None:
        return exc.pause if exc.pause <= RETRY_SECONDS else False
    return isinstance(exc, TransientError)


def _refusal(response: httpx.Response) -> JobError:
    status = response.status_code
    if status in REFUSED_KEY:
        return KeyRefusedError(f"API_INTERNAL_SECRET_KEY: the backend refused the key ({status})")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _BusyError(f"the backend answered {status}", _retry_after(response))
    return ConfigError(f"the backend refused the request ({status})")


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that the header names; its other form, a date, is as good as none."""
    try:
        seconds = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    # "nan" and "-1" are numbers to Python.
    return seconds if seconds >= 0 else None
