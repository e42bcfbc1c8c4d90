"""Checks of this machine."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial

from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.findings import Finding

# Tools that only developers and deployers need, each with its command and its use.
TOOLS = {
    "docker": (("docker", "version", "--format", "{{.Server.Version}}"), "make build, make push, make up"),
    "terraform": (("terraform", "version"), "deploying"),
}
SECONDS = 10


def _python(_: Context) -> Iterator[Finding]:
    yield Finding("ok", f"Python {platform.python_version()}")


def _tool(_: Context, *, name: str) -> Iterator[Finding]:
    command, needed_for = TOOLS[name]
    if shutil.which(name) is None:
        yield Finding("note", "not installed", f"install it for {needed_for}")
    elif (answer := _first_line(command)) is None:
        yield Finding("note", "installed, but does not answer", f"start it for {needed_for}")
    else:
        yield Finding("ok", answer if answer.lower().startswith(name) else f"{name} {answer}")


def _first_line(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)  # noqa: S603
    except (subprocess.SubprocessError, OSError):
        return None
    return next(iter(done.stdout.splitlines()), "")


CHECKS = (Check("python", _python), *(Check(name, partial(_tool, name=name)) for name in TOOLS))
