"""Which version this is: of the wheel, and of the Git tree if it runs from one."""

from __future__ import annotations

import subprocess
from importlib.metadata import version as wheel_version
from pathlib import Path


def version() -> str:
    """Return the wheel's version and the revision, with `-dirty` if files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        revision = done.stdout.strip()
    except FileNotFoundError:
        revision = ""
    return f"joytify {wheel_version('joytify-cli')}, revision {revision or 'unknown'}"
