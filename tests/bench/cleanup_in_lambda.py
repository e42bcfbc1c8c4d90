"""One run of the cleanup image, limited as Lambda limits it, that archives and deletes a great many playbacks.

Run by `make bench-cleanup SIZE=2500000`; it writes build/bench/cleanup_in_lambda.json. MongoDB and S3 run outside the
limit, on this machine.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cleanup import BATCH, BUCKET, EXPIRED, PAUSE_SECONDS, Bench, playbacks
from in_image import CPUS, MEMORY_MB, invoke_limited
from pymongo import MongoClient
from rich.console import Console

from joytify_cli.docker import bridge_address
from joytify_local.stack import start_embedded

RESULT = Path("build/bench/cleanup_in_lambda.json")
DATABASE = "joytify-bench"
TIMEOUT_SECONDS = 900
# Below the deletion limit, which is 95 %.
EXPIRED_SHARE = 0.9
console = Console()


def main() -> None:
    """Fill a database, run the image on it, print and write down what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, required=True, help="expired playbacks")
    size: int = parser.parse_args().size
    stack = start_embedded(DATABASE, host=bridge_address())
    try:
        with MongoClient[dict[str, Any]](stack.mongodb, tz_aware=True) as client:
            bench = Bench(client, stack.aws)
            bench.load("playbacks", playbacks(round(size / EXPIRED_SHARE), EXPIRED_SHARE, shuffle=False))
            for field in ("user", "song", "artist"):
                bench.database.playbacks.create_index(field)
            expired = bench.database.playbacks.count_documents(EXPIRED)
            console.print(f"{expired:,} expired; starting the image with {MEMORY_MB} MB and {CPUS} CPU")
            settings = {"DB_NAME": DATABASE, "CLEANUP_ARCHIVE_BUCKET": BUCKET}
            answer, peak = invoke_limited("cleanup", stack, settings, timeout_seconds=TIMEOUT_SECONDS)
            left = bench.database.playbacks.count_documents(EXPIRED)
    finally:
        stack.stop()
    told = {
        "expired": expired,
        "left": left,
        "seconds": answer.get("executionTimeMs", 0) / 1000,
        "peak_memory_mb": peak,
        "batch": BATCH,
        "pause_seconds": PAUSE_SECONDS,
        "answer": answer,
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(told, indent=2), encoding="utf-8")
    console.print({key: value for key, value in told.items() if key != "answer"} | {"archive": answer.get("archive")})


if __name__ == "__main__":
    main()
