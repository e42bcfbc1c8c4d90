"""The version of the wheel, and the Git revision if the command runs from the repository."""

from __future__ import annotations

import subprocess
from importlib.metadata import version as wheel_version
from pathlib import Path


def version() -> str:
    """Return the wheel's version and the revision, with `-dirty` if files have changed since."""
    # Installed into a directory of another repository, this file is not tracked there.
    is_ours = _git("ls-files", Path(__file__).name)
    revision = _git("describe", "--always", "--dirty", "--abbrev=12") if is_ours else ""
    return f"joytify {wheel_version('joytify-cli')}, revision {revision or 'unknown'}"


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    except FileNotFoundError:
        return ""
