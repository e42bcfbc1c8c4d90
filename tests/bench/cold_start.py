"""Measures each image's size and its cold start under the runtime emulator, compared with bare imports of the drivers.

Run by `make bench-cold-start`; it writes build/bench/cold_start.json.
"""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from joytify_cli.docker import docker

RUNS = 7
BARE = {"stats": "import pymongo, boto3", "cleanup": "import pymongo, boto3", "discord": "import httpx"}
INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
ARN = "arn:aws:sns:ap-northeast-1:000000000000:joytify-lambda-notifications"
RESULT = Path("build/bench/cold_start.json")


def init_milliseconds(short: str, folder: str, handler: str) -> float:
    """Start the image with this handler, call it once, and return how long the emulator's init phase took."""
    options = [
        "-p",
        "127.0.0.1::8080",
        "-v",
        f"{folder}:/bare:ro",
        "-e",
        "PYTHONPATH=/bare",
        "-e",
        f"SNS_TOPIC_ARN={ARN}",
    ]
    container = docker("run", "-d", *options, f"joytify/{short}", handler)
    try:
        url = "http://" + docker("port", container, "8080/tcp").splitlines()[0]
        while True:
            try:
                httpx.post(f"{url}/2015-03-31/functions/function/invocations", json=[], timeout=60)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        return float(INIT.search(docker("logs", container, include_stderr=True))[1])  # type: ignore[index] # a missing line is a bug here
    finally:
        docker("rm", "-f", container)


def measure(short: str) -> dict[str, float]:
    """Measure an image and its bare counterpart alternately, so that varying load affects both."""
    base = int(docker("image", "inspect", "--format", "{{.Size}}", docker_base(short)))
    size = int(docker("image", "inspect", "--format", "{{.Size}}", f"joytify/{short}"))
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Path(folder, "bare.py").write_text(
            f"{BARE[short]}\ndef handler(event, context): return None\n", encoding="utf-8"
        )
        for _ in range(RUNS):
            ours.append(init_milliseconds(short, folder, f"joytify_{short}.handler.handler"))
            bare.append(init_milliseconds(short, folder, "bare.handler"))
    ratio = statistics.median(ours) / statistics.median(bare)
    return {
        "layers_mb": round((size - base) / 1e6, 1),
        "init_ms": statistics.median(ours),
        "bare_init_ms": statistics.median(bare),
        "vs_bare_imports": round(ratio, 2),
    }


def docker_base(short: str) -> str:
    """Return the image that this one was built on."""
    return docker("image", "inspect", "--format", '{{index .Config.Labels "joytify.base"}}', f"joytify/{short}")


def main() -> None:
    """Measure every image, print a table and write the figures down."""
    figures = {short: measure(short) for short in BARE}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    table = Table("image", "layers above the base", "init", "bare imports", "ratio")
    for short, row in figures.items():
        table.add_row(
            f"joytify/{short}",
            f"{row['layers_mb']} MB",
            f"{row['init_ms']:.0f} ms",
            f"{row['bare_init_ms']:.0f} ms ({BARE[short]})",
            f"{row['vs_bare_imports']}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
