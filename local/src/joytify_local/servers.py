"""Start the local AWS, the stand-ins for the backend and Discord, and a container registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from joytify_local.aws import REGION
from joytify_local.processes import answers, free_port, start


def ministack(folder: Path, host: str, *, certificate: str = "", key: str = "") -> tuple[int, str]:
    """Start the local AWS; return its process id and its URL.

    Args:
        folder: directory for the data and the log.
        host: address to listen on.
        certificate: path of the server's certificate; with a certificate, the server uses TLS and enforces IAM, without
            one plain HTTP.
        key: path of the certificate's key.

    Raises:
        StartError: the local AWS did not start.
    """
    port = free_port(host)
    url = f"{'https' if certificate else 'http'}://{host}:{port}"
    environment = {
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "1",
        # Step Functions waits a hundredth of the configured time between retries.
        "SFN_WAIT_SCALE": "0.01",
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        # Calls between the servers of this machine bypass any proxy.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), host])),
    }
    if certificate:
        security = {"USE_SSL": "1", "MINISTACK_SSL_CERT": certificate, "MINISTACK_SSL_KEY": key, "AUTH": "true"}
        environment.update(security)
    command = [sys.executable, "-m", "ministack"]
    ready = partial(answers, url + "/_ministack/health", certificate)
    return start(command, folder / "ministack.log", ready, environment), url


def stand_in(name: str, options: list[str], folder: Path, host: str) -> tuple[int, str]:
    """Start the stand-in for the backend or Discord; return its process id and its URL."""
    port = free_port(host)
    url = f"http://{host}:{port}"
    command = [sys.executable, "-m", f"joytify_local.{name}", "--host", host, "--port", str(port), *options]
    return start(command, folder / f"{name}.log", partial(answers, url + "/health")), url


def make_certificate(folder: Path, host: str) -> tuple[str, str]:
    """Create a certificate for all names of the local AWS; return the paths of the certificate and of its key."""
    certificate, key = folder / "aws.crt", folder / "aws.key"
    names = f"subjectAltName=IP:{host},IP:127.0.0.1,DNS:localhost,DNS:host.docker.internal"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=local-aws"]
    command += ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)  # noqa: S603
    return str(certificate), str(key)


def registry(folder: Path) -> tuple[int, str]:
    """Start a container registry on loopback, where Docker needs no TLS; return its process id and address."""
    port = free_port("127.0.0.1")
    if image := os.environ.get("REGISTRY_IMAGE"):
        docker = os.environ.get("DOCKER") or shutil.which("docker") or "docker"
        command = [docker, "run", "--rm", "-p", f"127.0.0.1:{port}:5000", image]
    else:
        config = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
            "http": {"addr": f"127.0.0.1:{port}"},
        }
        # The configuration is YAML, and JSON is valid YAML.
        (folder / "registry.yml").write_text(json.dumps(config), encoding="utf-8")
        command = ["docker-registry", "serve", str(folder / "registry.yml")]
    ready = partial(answers, f"http://127.0.0.1:{port}/v2/")
    return start(command, folder / "registry.log", ready), f"localhost:{port}"
