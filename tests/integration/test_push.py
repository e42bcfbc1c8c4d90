"""The login to an account's own registry, by the token that a real ECR protocol answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from joytify_cli import push
from joytify_cli.push import own_registry, push_images
from joytify_local.docker import DockerError


def test_ecr_gets_a_login_of_its_own_that_is_gone_afterwards(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logins: list[tuple[tuple[str, ...], str]] = []

    def docker(*words: str, stdin: str = "") -> str:
        if "login" in words:
            assert Path(words[1]).is_dir()
            logins.append((words, stdin))
            # What would come now needs a registry that only AWS has.
            raise DockerError("as far as it goes here")
        return "[]"

    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    # The guide has users set the other one only.
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setattr(push, "docker", docker)
    monkeypatch.setattr(push, "_tag", lambda _name, **_options: "tag")

    registry = own_registry()
    with pytest.raises(DockerError):
        push_images(registry, "joytify", allow_uncommitted=False)

    ((words, password),) = logins
    assert registry == "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com"
    assert words[0] == "--config"
    assert words[2:] == ("login", "--username", "AWS", "--password-stdin", registry)
    assert password
    assert password not in " ".join(words)
    assert not Path(words[1]).exists()
