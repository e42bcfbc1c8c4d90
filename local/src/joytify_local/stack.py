"""Start and stop the local stack: MongoDB, AWS with the functions, backend and Discord."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from joytify_local.aws import API_KEY, WEBHOOK_TOKEN, Wiring, aws_client, deploy
from joytify_local.mongodb import start_mongod
from joytify_local.processes import StartError, free_port, started_before, stop, uninterrupted
from joytify_local.servers import make_certificate, ministack, registry, stand_in

# Files that record a running stack for later commands. A stack whose functions Terraform deployed (`make deploy-local`)
# may run beside another stack, so it has its own file.
STATE_FILE, DEPLOYED_STATE_FILE = Path("build/stack.json"), Path("build/deployed-stack.json")


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Addresses of a running stack, as this machine reaches them.

    Attributes:
        way: how the functions run: `embedded`, in `containers`, or `deployed` by Terraform.
        aws: URL of the local AWS.
        mongodb: connection string.
        backend: base URL of the backend.
        discord: base URL of Discord, where a browser shows the posted messages.
        database: name of the database that the functions use.
        pids: processes to stop; empty for containers.
        folder: data and logs, removed at stop; empty for containers.
        certificate: path of the certificate of the local AWS; empty for plain HTTP.
        registry: address of the registry for the functions' images; empty if they are not pulled.
    """

    way: Literal["embedded", "containers", "deployed"]
    aws: str
    database: str
    mongodb: str = ""
    backend: str = ""
    discord: str = ""
    pids: tuple[int, ...] = ()
    folder: str = ""
    certificate: str = ""
    registry: str = ""

    @property
    def state_file(self) -> Path:
        """The file that records the stack while it is running."""
        return DEPLOYED_STATE_FILE if self.way == "deployed" else STATE_FILE

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return a client of the stack's local AWS."""
        return aws_client(service, self.aws, certificate=self.certificate)

    def save(self) -> None:
        """Record the stack for later commands; stop a stack that was recorded before."""
        if (earlier := _load(self.state_file)) is not None:
            earlier.stop()
        self.state_file.parent.mkdir(parents=True, exist_ok=True)
        # The file may contain the password of the user's own MongoDB.
        self.state_file.touch(mode=0o600)
        self.state_file.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")

    def stop(self) -> None:
        """Stop the processes of the stack and remove their data."""
        with uninterrupted():
            stop(self.pids)
            if self.folder:
                shutil.rmtree(self.folder, ignore_errors=True)
            if (known := _load(self.state_file)) is not None and known.folder == self.folder:
                self.state_file.unlink()


def load_stack() -> Stack | None:
    """Return the recorded stack, which may have ended, or None; a deployed stack only if no other is recorded."""
    return _load(STATE_FILE) or load_deployed_stack()


def load_deployed_stack() -> Stack | None:
    """Return the recorded stack that `deploy-local` started, which may have ended, or None."""
    return _load(DEPLOYED_STATE_FILE)


def _load(file: Path) -> Stack | None:
    if not file.exists():
        return None
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        # After a reboot, the same process ids belong to other processes.
        pids = tuple(pid for pid in state["pids"] if started_before(pid, file.stat().st_mtime))
        return Stack(**{**state, "pids": pids})
    except (ValueError, TypeError, KeyError):
        raise StartError(f"{file} cannot be read: remove it, then start the stack again") from None


def start_embedded(
    database: str, *, host: str = "127.0.0.1", environment: Mapping[str, str] | None = None, functions: bool = True
) -> Stack:
    """Start everything as processes of this machine; the functions run from the installed packages.

    Args:
        database: name of the database that the functions use.
        host: address to listen on; loopback, or the Docker bridge's if containers must reach it.
        environment: further settings of the functions.
        functions: whether to create the secret, the topic and the functions.

    Raises:
        StartError: a server did not start; servers that had started are stopped.
    """
    with _servers() as servers:
        aws = servers.add(*ministack(servers.folder, host))
        stack = _others(Stack(way="embedded", aws=aws, database=database, folder=str(servers.folder)), host, servers)
        if functions:
            deploy(
                Wiring(
                    endpoint=aws,
                    mongodb=stack.mongodb,
                    backend=stack.backend,
                    discord=stack.discord,
                    database=database,
                    environment=environment or {},
                )
            )
        return replace(stack, pids=tuple(servers.pids))


def start_for_deployment(database: str, *, host: str) -> Stack:
    """Start the servers of a deployed stack, but create no AWS resources: Terraform creates them.

    The servers are an empty local AWS that uses TLS and enforces IAM, a registry, MongoDB, the backend and Discord.

    Args:
        database: name of the database that the functions will use.
        host: address to listen on: the Docker bridge's, which the functions' containers can reach.

    Raises:
        StartError: a server did not start; servers that had started are stopped.
    """
    with _servers() as servers:
        certificate, key = make_certificate(servers.folder, host)
        aws = servers.add(*ministack(servers.folder, host, certificate=certificate, key=key))
        stack = Stack(way="deployed", aws=aws, database=database, folder=str(servers.folder), certificate=certificate)
        stack = replace(_others(stack, host, servers), registry=servers.add(*registry(servers.folder)))
        return replace(stack, pids=tuple(servers.pids))


@dataclass(frozen=True)
class _Servers:
    """The servers of a stack that is being started, and their folder."""

    folder: Path
    pids: list[int] = field(default_factory=list)

    def add(self, pid: int, address: str) -> str:
        """Add a server, which is stopped if another one does not start; return its address."""
        self.pids.append(pid)
        return address


@contextmanager
def _servers() -> Iterator[_Servers]:
    """Yield an empty set of servers; servers added to it are stopped if the block raises."""
    servers = _Servers(Path(tempfile.mkdtemp(prefix="joytify-")))
    try:
        yield servers
    except BaseException:
        stop(servers.pids)
        shutil.rmtree(servers.folder, ignore_errors=True)
        raise


def _others(stack: Stack, host: str, servers: _Servers) -> Stack:
    """Start MongoDB, the backend and Discord, and return the stack with their addresses."""
    folder = servers.folder
    mongodb = os.environ.get("MONGODB_URI", "")
    if not mongodb:
        mongodb = servers.add(*start_mongod(folder, host, free_port(host)))
    backend = servers.add(*stand_in("backend", ["--key", API_KEY], folder, host))
    discord = servers.add(*stand_in("discord", ["--token", WEBHOOK_TOKEN], folder, host))
    return replace(stack, mongodb=mongodb, backend=backend, discord=discord)
