"""A function that runs in a container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from joytify_cli.docker import docker


@dataclass(frozen=True)
class Function:
    """A running image."""

    container: str
    url: str

    def invoke(self, event: object) -> Any:
        """Post the event to the emulator and return its answer."""
        return httpx.post(f"{self.url}/2015-03-31/functions/function/invocations", json=event, timeout=60).json()

    def logs(self) -> str:
        """Return what the container has printed."""
        return docker("logs", self.container, include_stderr=True)
