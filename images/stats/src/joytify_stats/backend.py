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
TIMEOUT = httpx.Timeout(10, connect=3)
ATTEMPTS = 3
RETRY_SECONDS = 20
REFUSED_KEY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class KeyRefusedError(ConfigError):
    """The backend does not take the API key; no further push can go through."""


@cache
def http_client() -> httpx.Client:
    """Return the container's one HTTP client."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False)


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

        Raises:
            KeyRefusedError: the key was refused.
            ConfigError: the request was refused for another reason.
            TransientError: the backend did not take the request.
        """
        body = {"userIds": [str(user) for user in users]}
        for attempt in stamina.retry_context(on=TransientError, attempts=ATTEMPTS, timeout=RETRY_SECONDS):
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
            raise _refusal(response.status_code)


def _refusal(status: int) -> JobError:
    if status in REFUSED_KEY:
        return KeyRefusedError(f"API_INTERNAL_SECRET_KEY: the backend refused the key ({status})")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"the backend answered {status}")
    return ConfigError(f"the backend refused the request ({status})")
