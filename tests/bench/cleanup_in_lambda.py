"""One run of the cleanup image, limited as Lambda limits it, that archives and deletes a great many playbacks.

Run by `make bench-cleanup SIZE=2500000`; it writes build/bench/cleanup_in_lambda.json. MongoDB and S3 run outside the
limit, on this machine.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import httpx
from cleanup import BATCH, BUCKET, EXPIRED, PAUSE_SECONDS, Bench, playbacks
from containers import bridge_address, docker
from pymongo import MongoClient
from rich.console import Console

from joytify_local.aws import aws_client
from joytify_local.stack import Stack, start_embedded

RESULT = Path("build/bench/cleanup_in_lambda.json")
DATABASE = "joytify-bench"
MEMORY_MB, CPUS, TIMEOUT_SECONDS = 1024, 0.6, 900
# The brake lets 95 % pass.
EXPIRED_SHARE = 0.9
# Prints the largest peak resident size of the container's processes, in kB.
PEAK = """
import glob, re
texts = [open(name).read() for name in glob.glob("/proc/[0-9]*/status")]
print(max(int(size) for text in texts for size in re.findall(r"VmHWM:\\s+(\\d+)", text)))
"""

console = Console()


def invoke(stack: Stack) -> tuple[dict[str, Any], float]:
    """Run the image once; return its answer and the peak memory of its process in MB."""
    topic = aws_client("sns", stack.aws).list_topics()["Topics"][0]["TopicArn"]
    environment = {
        "AWS_ENDPOINT_URL": stack.aws,
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(TIMEOUT_SECONDS),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "SNS_TOPIC_ARN": topic,
        "DB_NAME": DATABASE,
        "CLEANUP_ARCHIVE_BUCKET": BUCKET,
    }
    settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
    limits = ["--memory", f"{MEMORY_MB}m", "--cpus", str(CPUS), "-p", "127.0.0.1::8080"]
    container = docker("run", "-d", *limits, *settings, "joytify/cleanup")
    try:
        time.sleep(2)
        url = "http://" + docker("port", container, "8080/tcp").splitlines()[0]
        answer = httpx.post(f"{url}/2015-03-31/functions/function/invocations", json={}, timeout=TIMEOUT_SECONDS + 60)
        peak = int(docker("exec", container, "python3", "-c", PEAK)) / 1024
        return answer.json(), round(peak)
    finally:
        docker("rm", "-f", container)


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
            answer, peak = invoke(stack)
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
