"""Runs the `docker` command-line client."""

from __future__ import annotations

import os
import shutil
import subprocess

DOCKER = os.environ.get("DOCKER") or shutil.which("docker") or "docker"


class DockerError(Exception):
    """The `docker` command failed; the text names the command and quotes its output."""


def docker(*words: str, include_stderr: bool = False) -> str:
    """Run `docker` and return its standard output, with `include_stderr` also its standard error.

    Raises:
        DockerError: the command failed.
    """
    done = subprocess.run([DOCKER, *words], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        command = words[2:] if words[:1] == ("--config",) else words
        raise DockerError(f"`docker {' '.join(command[:2])}`: {(done.stderr or done.stdout).strip()}")
    return (done.stdout + (done.stderr if include_stderr else "")).strip()


def bridge_address() -> str:
    """Return the address at which containers on Docker's bridge reach this machine."""
    container = docker("run", "-d", "--entrypoint", "sleep", "joytify/local", "60")
    try:
        return docker("inspect", "--format", "{{.NetworkSettings.Gateway}}", container)
    finally:
        docker("rm", "-f", container)
