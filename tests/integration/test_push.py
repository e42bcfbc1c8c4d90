"""The login to an account's own registry, by the token that a real ECR protocol answers."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from joytify_cli.docker import DockerError, docker
from joytify_cli.operate import push
from joytify_cli.operate.push import logged_in, own_registry


def test_ecr_answers_a_token_for_the_accounts_registry(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    # The guide has users set the other one only.
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    token = push._ecr_token("ap-northeast-1")  # noqa: SLF001 - the gateway's own call

    assert own_registry() == "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com"
    user, _, password = base64.b64decode(token).decode().partition(":")
    assert user == "AWS"
    assert password


def test_dockers_client_shows_the_token_to_the_registry() -> None:
    shown: list[str | None] = []

    class Registry(BaseHTTPRequestHandler):
        """Asks who is there, as a private registry does, and has nothing."""

        # So that it answers an attempt at TLS in plain HTTP, which the client takes as a reason to speak that.
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
        with logged_in(host, token) as login, pytest.raises(DockerError):
            docker(*login, "manifest", "inspect", "--insecure", f"{host}/joytify/stats:none")
        server.shutdown()

    assert f"Basic {token}" in shown
