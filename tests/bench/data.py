"""Compares `joytify data generate` with a bare insert_many of its playbacks; writes build/bench/data.json."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from joytify_cli.data.generate import BATCH
from joytify_cli.data.indexes import BACKEND, create
from joytify_cli.data.population import Population
from joytify_common.collections import PRODUCTION
from joytify_local.mongodb import start_mongod
from joytify_local.processes import free_port, stop

ROUNDS = int(os.environ.get("ROUNDS") or 3)
USERS = int(os.environ.get("SIZE") or 5000)
PLAYBACKS_PER_USER = 500
RESULT = Path("build/bench/data.json")

Document = dict[str, Any]


def main() -> None:
    """Measure; print and write the seconds of each round and the median ratio."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        pid, uri = start_mongod(Path(folder), "127.0.0.1", free_port("127.0.0.1"))
        try:
            rounds = [_round(uri) for _ in range(ROUNDS)]
        finally:
            stop([pid])
    ratios = sorted(each["bare_seconds"] / each["seconds"] for each in rounds)
    result = {"users": USERS, "rounds": rounds, "rate_to_bare": ratios[len(ratios) // 2]}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(f"speed of generate relative to a bare insert_many: {result['rate_to_bare']:.2f} (goal 0.6)")  # noqa: T201


def _round(uri: str) -> dict[str, float]:
    with MongoClient[Document](uri) as client:
        client.drop_database("bench")
        bare = _bare(client)
        client.drop_database("bench")
        program = str(Path(sys.executable).with_name("joytify"))
        command = [program, "data", "generate", str(USERS), "--production", "--confirm", "bench"]
        began = time.monotonic()
        subprocess.run([*command, "--uri", uri, "--database", "bench"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"bare {bare:.1f} s, generate {seconds:.1f} s, peak {peak:.0f} MB")  # noqa: T201
    return {"bare_seconds": bare, "seconds": seconds, "peak_mb": peak}


def _bare(client: MongoClient[Document]) -> float:
    """Return the seconds for inserting the playbacks, without the time for generating them."""
    database = client["bench"]
    for index in BACKEND:
        create(database, PRODUCTION, index)
    population = Population(users=USERS, playbacks_per_user=PLAYBACKS_PER_USER, now=datetime.now(UTC))
    documents, seconds = population.playback_documents(), 0.0
    while batch := list(islice(documents, BATCH)):
        began = time.monotonic()
        database[PRODUCTION.playbacks].insert_many(batch, ordered=False)
        seconds += time.monotonic() - began
    return seconds


if __name__ == "__main__":
    main()
