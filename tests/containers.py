"""Docker's client, and a function that runs in a container."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import httpx

DOCKER = os.environ.get("DOCKER") or shutil.which("docker") or "docker"


def docker(*words: str, both: bool = False) -> str:
    """Run the Docker client and return what it prints; with `both`, what it prints as errors too."""
    done = subprocess.run([DOCKER, *words], capture_output=True, text=True, check=True)
    return (done.stdout + (done.stderr if both else "")).strip()


def bridge_address() -> str:
    """Return this machine's address on Docker's bridge, as a container on it sees it."""
    container = docker("run", "-d", "--entrypoint", "sleep", "joytify/local", "60")
    try:
        return docker("inspect", "--format", "{{.NetworkSettings.Gateway}}", container)
    finally:
        docker("rm", "-f", container)


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
        return docker("logs", self.container, both=True)
