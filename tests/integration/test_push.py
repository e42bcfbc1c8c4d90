"""Images in ECR: login with the token that its API returns, tags that protect images from expiry, expired images."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from typer.testing import CliRunner

from joytify_cli.docker import DockerError, docker
from joytify_cli.main import app
from joytify_cli.operate import push
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.checks.images import _retention
from joytify_cli.operate.push import digests_file, docker_login, own_registry
from joytify_cli.target import FUNCTIONS, Names

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def test_ecr_returns_a_token_for_the_accounts_registry(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    # AWS_REGION alone must be enough, although boto3 does not read it.
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    token = push._ecr_token("ap-northeast-1")  # noqa: SLF001 - the call that `joytify push` makes

    assert own_registry() == "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com"
    user, _, password = base64.b64decode(token).decode().partition(":")
    assert user == "AWS"
    assert password


@pytest.fixture
def repositories(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the account's own ECR, which has the three repositories."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = boto3.client("ecr", region_name="ap-northeast-1")
    for name in FUNCTIONS:
        client.create_repository(repositoryName=f"joytify/{name}")
    yield client
    for name in FUNCTIONS:
        client.delete_repository(repositoryName=f"joytify/{name}", force=True)


def push_image(client: Any, name: str, tag: str) -> str:
    """Push an image of this name, and return its digest."""
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 7, "digest": "sha256:" + "1" * 64}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "annotations": {"of": name}}
    put = client.put_image(repositoryName=f"joytify/{name}", imageManifest=json.dumps(manifest), imageTag=tag)
    return str(put["image"]["imageId"]["imageDigest"])


def test_images_reused_from_dev_get_a_prod_tag_so_that_ecr_does_not_expire_them(
    repositories: Any, tmp_path: Path
) -> None:
    digests = {str(name): push_image(repositories, name, "dev-0123") for name in FUNCTIONS}
    push.write_digests(digests_file("dev", tmp_path), digests, "")

    for _ in range(2):
        done = CliRunner().invoke(app, ["push", "--environment", "prod", "--from", "dev", "--folder", str(tmp_path)])
        assert done.exit_code == 0, done.output

    assert digests_file("prod", tmp_path).read_text() == digests_file("dev", tmp_path).read_text()
    for name, digest in digests.items():
        listed = repositories.list_images(repositoryName=f"joytify/{name}")["imageIds"]
        tags = {each["imageTag"] for each in listed if each["imageDigest"] == digest}
        # The emulator replaces an image's tag; ECR would add the new tag to the existing ones.
        assert f"prod-{digest[7:19]}" in tags


def test_an_image_that_ecr_has_expired_is_reported(repositories: Any, tmp_path: Path) -> None:
    gone = "sha256:" + "f" * 64
    push.write_digests(digests_file("dev", tmp_path), dict.fromkeys(FUNCTIONS, gone), "")

    done = CliRunner().invoke(app, ["push", "--environment", "prod", "--from", "dev", "--folder", str(tmp_path)])

    assert (done.exit_code, digests_file("prod", tmp_path).exists()) == (1, False)
    assert f"joytify/stats no longer has {gone}" in done.output

    assert push.ECR.match(own_registry()) is not None
    target = SimpleNamespace(
        client=lambda _: repositories, names=Names(environment="prod"), place="AWS", stack=None, flags=" --aws"
    )
    address = f"{own_registry()}/joytify/stats"
    (finding,) = _retention(cast("Context", SimpleNamespace(target=target)), "stats", f"{address}@{gone}", gone)
    assert (finding.status, "no longer has" in finding.says) == ("wrong", True)
    there = push_image(repositories, "stats", "dev-0123")
    (finding,) = _retention(cast("Context", SimpleNamespace(target=target)), "stats", f"{address}@{there}", there)
    assert (finding.status, "has no tag prod-" in finding.says) == ("note", True)
    repositories.put_image(
        repositoryName="joytify/stats",
        imageManifest=repositories.batch_get_image(repositoryName="joytify/stats", imageIds=[{"imageDigest": there}])[
            "images"
        ][0]["imageManifest"],
        imageTag="prod-0123",
    )
    assert list(_retention(cast("Context", SimpleNamespace(target=target)), "stats", f"{address}@{there}", there)) == []


def test_dockers_client_sends_the_token_to_the_registry() -> None:
    shown: list[str | None] = []

    class Registry(BaseHTTPRequestHandler):
        """Demands credentials, as a private registry does, and contains no images."""

        # With this version, http.server answers a TLS handshake with an HTTP error, so the client falls back to HTTP.
        default_request_version = "HTTP/1.1"

        def do_GET(self) -> None:
            shown.append(self.headers["Authorization"])
            self.send_response(404 if shown[-1] else 401)
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            self.send_header("WWW-Authenticate", 'Basic realm="ecr"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_args: object) -> None:
            """Keep quiet."""

    token = base64.b64encode(b"AWS:password").decode()
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"localhost:{server.server_port}"
        with docker_login(host, token) as login, pytest.raises(DockerError):
            docker(*login, "manifest", "inspect", "--insecure", f"{host}/joytify/stats:none")
        server.shutdown()

    assert f"Basic {token}" in shown
