"""Docker's client, as a person would call it."""

from __future__ import annotations

import os
import shutil
import subprocess

DOCKER = os.environ.get("DOCKER") or shutil.which("docker") or "docker"


class DockerError(Exception):
    """Docker refused; the text is its own."""


def docker(*words: str, stdin: str = "", both: bool = False) -> str:
    """Run the Docker client and return what it prints; with `both`, what it prints as errors too.

    Raises:
        DockerError: it failed.
    """
    done = subprocess.run([DOCKER, *words], input=stdin, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        command = words[2:] if words[:1] == ("--config",) else words
        raise DockerError(f"`docker {' '.join(command[:2])}`: {(done.stderr or done.stdout).strip()}")
    return (done.stdout + (done.stderr if both else "")).strip()


def bridge_address() -> str:
    """Return this machine's address on Docker's bridge, as a container on it sees it."""
    container = docker("run", "-d", "--entrypoint", "sleep", "joytify/local", "60")
    try:
        return docker("inspect", "--format", "{{.NetworkSettings.Gateway}}", container)
    finally:
        docker("rm", "-f", container)
