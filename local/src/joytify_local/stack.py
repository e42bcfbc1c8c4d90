"""Starts and stops it all: MongoDB, the local AWS with the functions in it, the backend and Discord."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from joytify_local.aws import API_KEY, REGION, WEBHOOK_TOKEN, Deployment, deploy
from joytify_local.mongodb import start_mongod
from joytify_local.processes import answers, free_port, start, stop

if TYPE_CHECKING:
    from collections.abc import Mapping

# Where a stack that is left up is written down, for the commands that come after.
STATE_FILE = Path("build/stack.json")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Addresses of a running stack, as this machine reaches them.

    Attributes:
        way: how the functions run.
        aws: URL of the local AWS.
        mongodb: connection string.
        backend: base URL of the backend.
        discord: base URL of Discord; a browser shows there what was posted.
        database: name of the database that the functions use.
        pids: processes to stop; none for containers.
        folder: data and logs, removed at stop; empty for containers.
    """

    way: Literal["embedded", "containers"]
    aws: str
    mongodb: str
    backend: str
    discord: str
    database: str
    pids: tuple[int, ...] = ()
    folder: str = ""

    def save(self) -> None:
        """Write the addresses down, so that later commands find the stack; one that was left up before is stopped."""
        if (earlier := load_stack()) is not None:
            earlier.stop()
        STATE_FILE.parent.mkdir(parents=True, exist_ok=True)
        # It may hold the password of the user's own MongoDB.
        STATE_FILE.touch(mode=0o600)
        STATE_FILE.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    def stop(self) -> None:
        """End the processes that were started and remove their data."""
        stop(self.pids)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if (known := load_stack()) is not None and known.pids == self.pids:
            STATE_FILE.unlink()


def load_stack() -> Stack | None:
    """Return the stack that was left up, None where there is none."""
    if not STATE_FILE.exists():
        return None
    state = json.loads(STATE_FILE.read_text(encoding="utf-8"))
    return Stack(**{**state, "pids": tuple(state["pids"])})


def start_embedded(
    database: str, *, host: str = "127.0.0.1", environment: Mapping[str, str] | None = None, functions: bool = True
) -> Stack:
    """Start everything as processes of this machine; the functions run from the installed packages.

    Args:
        database: name of the database that the functions use.
        host: address to listen on; loopback, or the Docker bridge's where containers must reach it.
        environment: further settings of the functions.
        functions: whether to create the secret, the topic and the functions.

    Raises:
        StartError: a server did not come up; those that did are stopped.
    """
    folder = Path(tempfile.mkdtemp(prefix="joytify-"))
    pids: list[int] = []
    try:
        mongodb = os.environ.get("MONGODB_URI", "")
        if not mongodb:
            pid, mongodb = start_mongod(folder, host, free_port(host))
            pids.append(pid)
        aws = _ministack(folder, host, pids)
        backend = _stand_in("backend", ["--key", API_KEY], folder, host, pids)
        discord = _stand_in("discord", ["--token", WEBHOOK_TOKEN], folder, host, pids)
        if functions:
            deploy(
                Deployment(
                    endpoint=aws,
                    mongodb=mongodb,
                    backend=backend,
                    discord=discord,
                    database=database,
                    environment=environment or {},
                )
            )
    except BaseException:
        stop(pids)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Stack(
        way="embedded",
        aws=aws,
        mongodb=mongodb,
        backend=backend,
        discord=discord,
        database=database,
        pids=tuple(pids),
        folder=str(folder),
    )


def _ministack(folder: Path, host: str, pids: list[int]) -> str:
    port = free_port(host)
    url = f"http://{host}:{port}"
    environment = {
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        # Calls between the servers of this machine go by no proxy.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), str(urlsplit(url).hostname)])),
    }
    command = [sys.executable, "-m", "ministack"]
    pids.append(start(command, folder / "ministack.log", partial(answers, url + "/_ministack/health"), environment))
    return url


def _stand_in(name: str, options: list[str], folder: Path, host: str, pids: list[int]) -> str:
    port = free_port(host)
    url = f"http://{host}:{port}"
    command = [sys.executable, "-m", f"joytify_local.{name}", "--host", host, "--port", str(port), *options]
    pids.append(start(command, folder / f"{name}.log", partial(answers, url + "/health")))
    return url
