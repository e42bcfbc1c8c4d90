"""One run of a built image under its emulator, limited as Lambda limits it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from joytify_cli.docker import docker
from joytify_local.aws import aws_client
from joytify_local.stack import Stack

MEMORY_MB, CPUS = 1024, 0.6
# Prints the largest peak resident size of the container's processes, in kB.
PEAK = """
import glob, re
texts = [open(name).read() for name in glob.glob("/proc/[0-9]*/status")]
print(max(int(size) for text in texts for size in re.findall(r"VmHWM:\\s+(\\d+)", text)))
"""


def invoke_limited(
    short: str, stack: Stack, settings: Mapping[str, str], *, timeout_seconds: int
) -> tuple[dict[str, Any], int]:
    """Run the image once; return its answer and the peak memory of its process in MB.

    Args:
        short: which function.
        stack: the stack that the function uses; it must listen on an address that containers can reach.
        settings: environment variables of the function, in addition to SNS_TOPIC_ARN.
        timeout_seconds: the function's timeout.
    """
    environment = {
        "AWS_ENDPOINT_URL": stack.aws,
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout_seconds),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
        "SNS_TOPIC_ARN": aws_client("sns", stack.aws).list_topics()["Topics"][0]["TopicArn"],
        **settings,
    }
    words = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
    limits = ["--memory", f"{MEMORY_MB}m", "--cpus", str(CPUS), "-p", "127.0.0.1::8080"]
    container = docker("run", "-d", *limits, *words, f"joytify/{short}")
    try:
        time.sleep(2)
        url = "http://" + docker("port", container, "8080/tcp").splitlines()[0]
        answer = httpx.post(f"{url}/2015-03-31/functions/function/invocations", json={}, timeout=timeout_seconds + 60)
        peak = int(docker("exec", container, "python3", "-c", PEAK)) / 1024
        return answer.json(), round(peak)
    finally:
        docker("rm", "-f", container)
