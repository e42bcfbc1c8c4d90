"""Gateway: post to a Discord webhook; no error ever shows the URL, whose path is the secret."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from joytify_common.errors import ConfigError, JobError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from joytify_common.deadline import Deadline

URL_KEY = "DISCORD_WEBHOOK_URL"
TIMEOUT = httpx.Timeout(10, connect=3)
# Discord asks bots to name themselves so: https://discord.com/developers/docs/reference#user-agent
USER_AGENT = "DiscordBot (https://github.com/joytify/pipeline, 0.1)"
ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 0.5
REFUSED_URL = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


@cache
def http_client() -> httpx.Client:
    """Return the container's one HTTP client."""
    return httpx.Client(timeout=TIMEOUT, headers={"User-Agent": USER_AGENT})


@dataclass(frozen=True)
class Webhook:
    """One Discord webhook."""

    client: httpx.Client
    url: SecretStr

    def post(self, payload: Mapping[str, Any], deadline: Deadline) -> None:
        """Post one message and wait until Discord has stored it.

        429 is waited out as long as Discord says, 5xx and connection errors are tried again with a growing pause.

        Raises:
            ConfigError: Discord does not know the webhook.
            PermanentError: Discord does not take the message.
            TransientError: Discord did not take it in the attempts and the time there are.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._post(payload)
            except _RetryableError as exc:
                pause = exc.pause if exc.pause is not None else FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
                if attempt == ATTEMPTS or pause >= deadline.remaining():
                    raise TransientError(str(exc)) from None
                time.sleep(pause)
            else:
                return

    def _post(self, payload: Mapping[str, Any]) -> None:
        try:
            response = self.client.post(self.url.get_secret_value(), params={"wait": "true"}, json=payload)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConfigError(f"{URL_KEY}: it is not a URL") from None
        except httpx.RequestError as exc:
            raise _RetryableError(f"Discord could not be reached ({type(exc).__name__})") from None
        if not response.is_success:
            raise _refusal(response)


class _RetryableError(JobError):
    def __init__(self, text: str, pause: float | None = None) -> None:
        super().__init__(text)
        self.pause = pause


def _refusal(response: httpx.Response) -> JobError:
    status = response.status_code
    if status in REFUSED_URL:
        return ConfigError(f"{URL_KEY}: Discord answered {status}: the webhook is gone or its address is wrong")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _RetryableError("Discord limits the rate (429)", _retry_after(response))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _RetryableError(f"Discord answered {status}")
    return PermanentError(f"Discord refused the message ({status})")


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
