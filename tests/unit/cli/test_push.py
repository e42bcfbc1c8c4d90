from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from joytify_cli import docker as client
from joytify_cli.docker import DockerError
from joytify_cli.main import app
from joytify_cli.operate import push
from joytify_cli.operate.push import BASE, PLATFORM, REVISION, PushError, digest_of, own_registry, push_images
from joytify_cli.terminal import UsageError

ECR = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com"
DIGEST = "sha256:" + "a" * 64
HEAD = "0123456789abcdef0123456789abcdef01234567"


class FakeDocker:
    """Answers as Docker's client does.

    Its images have the given `revision` and `platform`. `asked` records the arguments of each call.
    """

    def __init__(self, revision: str = HEAD, platform: str = PLATFORM, manifest: Any = None) -> None:
        self.system, self.processor = platform.split("/")
        self.revision = revision
        self.base = "public.ecr.aws/lambda/python:3.13"
        descriptor = {"digest": DIGEST, "platform": {"os": "linux", "architecture": "amd64"}}
        self.manifest = manifest or {"Descriptor": descriptor}
        self.asked: list[tuple[str, ...]] = []
        self.held: set[str] = set()

    def __call__(self, *words: str, stdin: str = "") -> str:
        assert not stdin
        self.asked.append(words)
        if words[:2] == ("image", "inspect"):
            config = {"Labels": {REVISION: self.revision, BASE: self.base}}
            image = {"Id": "sha256:" + "b" * 64, "Os": self.system, "Architecture": self.processor, "Config": config}
            return json.dumps([image])
        if "manifest" in words:
            if words[-1] not in self.held:
                raise DockerError("no such manifest")
            return json.dumps(self.manifest)
        if "push" in words:
            self.held.add(words[-1])
        return ""


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """A Docker whose images were built from the committed tree."""
    fake = FakeDocker()
    _use(monkeypatch, fake)
    return fake


def _use(monkeypatch: pytest.MonkeyPatch, fake: FakeDocker) -> None:
    monkeypatch.setattr(push, "docker", fake)
    monkeypatch.setattr(push, "_head", lambda: HEAD)


def test_the_digests_and_their_registry_are_written_for_terraform(docker: FakeDocker, tmp_path: Path) -> None:
    output = tmp_path / "images.prod.tfvars.json"

    done = CliRunner().invoke(app, ["push", "--registry", "localhost:5000", "--folder", str(tmp_path)])

    assert done.exit_code == 0, done.output
    assert json.loads(output.read_text()) == {
        "image_digests": {"stats": DIGEST, "cleanup": DIGEST, "discord": DIGEST},
        "image_registry": "localhost:5000",
    }
    reference = f"localhost:5000/joytify/stats:prod-{HEAD[:12]}-{'b' * 12}"
    assert ("push", "--quiet", reference) in docker.asked


def test_what_the_registry_holds_already_is_not_pushed_again(docker: FakeDocker) -> None:
    first = push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=False)
    docker.asked.clear()

    again = push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=False)

    assert again == first
    assert not any("push" in words for words in docker.asked)


@pytest.mark.parametrize("revision", [HEAD + "-dirty", "f" * 40, "unknown"], ids=["dirty", "another commit", "none"])
def test_an_image_not_built_from_the_committed_tree_is_refused(monkeypatch: pytest.MonkeyPatch, revision: str) -> None:
    fake = FakeDocker(revision=revision)
    _use(monkeypatch, fake)

    says = f"joytify/stats was built from {revision}, but the last commit of its sources is {HEAD}"
    with pytest.raises(PushError, match=says):
        push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=False)
    assert not any("push" in words for words in fake.asked)

    assert push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=True)["stats"] == DIGEST


def test_an_image_is_refused_if_the_sources_have_no_known_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, FakeDocker(revision="unknown"))
    monkeypatch.setattr(push, "_head", lambda: "unknown")

    with pytest.raises(PushError, match="the last commit of its sources is unknown"):
        push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=False)


def test_an_image_for_another_platform_is_refused_before_it_is_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeDocker(platform="linux/arm64")
    _use(monkeypatch, fake)

    with pytest.raises(PushError, match="joytify/stats is for linux/arm64; Lambda needs linux/amd64"):
        push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=False)

    assert not any("push" in words for words in fake.asked)


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ([{"Descriptor": {}}, {"Descriptor": {}}], "is an index of several images"),
        ([{"Descriptor": {"digest": DIGEST}}], "is an index of several images"),
        ({"Descriptor": {"platform": {"os": "linux", "architecture": "arm64"}}}, "is for linux/arm64"),
    ],
    ids=["two platforms", "an index of one", "another platform"],
)
def test_what_the_registry_holds_must_be_one_image_for_the_platform(manifest: Any, why: str) -> None:
    with pytest.raises(PushError, match=why):
        digest_of(manifest, "localhost:5000/joytify/stats:tag")


def test_an_image_built_on_a_stand_in_base_image_is_pushed_only_to_a_local_registry(docker: FakeDocker) -> None:
    docker.base = "joytify-stand-in/lambda-python"

    assert push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=False)["stats"] == DIGEST
    with pytest.raises(PushError, match="joytify/stats is built on a stand-in"):
        push_images(ECR, "joytify", environment="prod", allow_uncommitted=False)


@pytest.mark.parametrize("registry", ["ghcr.io/somebody", "registry.example.org:5000", ECR + ".example.org"])
def test_a_registry_that_lambda_cannot_pull_from_is_refused(docker: FakeDocker, registry: str) -> None:
    with pytest.raises(PushError, match="Lambda pulls only from ECR"):
        push_images(registry, "joytify", environment="prod", allow_uncommitted=False)

    assert docker.asked == []


@pytest.mark.parametrize("path", ["", "/shared/team"])
def test_an_ecr_gets_a_login_whatever_path_follows_its_host(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(push, "_ecr_token", lambda region: f"token for {region}")

    assert push_images(ECR + path, "joytify", environment="prod", allow_uncommitted=False)["stats"] == DIGEST

    (pushed, *_) = (words for words in docker.asked if "push" in words)
    assert pushed[0] == "--config"
    assert pushed[-1].startswith(f"{ECR}{path}/joytify/stats:")


def test_a_login_of_our_own_leaves_the_users_context_and_logins_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker Desktop and rootless Docker are reached through a context; this test runs the real `docker` command."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    client.docker("context", "create", "elsewhere", "--docker", "host=tcp://127.0.0.1:9")
    client.docker("context", "use", "elsewhere")
    before = json.loads((tmp_path / "config.json").read_text()) | {"credsStore": "desktop", "auths": {"a": {}}}
    (tmp_path / "config.json").write_text(json.dumps(before))

    with push.docker_login(ECR, "dG9rZW4=") as login:
        folder = Path(login[1])
        held = json.loads((folder / "config.json").read_text())
        where = client.docker(*login, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")

    assert where == "tcp://127.0.0.1:9"
    assert held == {"currentContext": "elsewhere", "auths": {ECR: {"auth": "dG9rZW4="}}}
    assert json.loads((tmp_path / "config.json").read_text()) == before
    assert not folder.exists()
    assert (tmp_path / "contexts").is_dir()


def test_a_missing_image_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_words: str) -> str:
        raise DockerError("No such image")

    monkeypatch.setattr(push, "docker", absent)

    with pytest.raises(PushError, match="image joytify/stats is missing: run `make build` first"):
        push_images("localhost:5000", "joytify", environment="prod", allow_uncommitted=False)


@pytest.mark.parametrize("options", [["--from", "prod"], ["--from", "dev", "--registry", "localhost:5000"]])
def test_the_option_from_rejects_the_same_environment_and_a_registry(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["push", *options])

    assert result.exit_code == 2
    assert f"--from {options[1]} reuses the images of {options[1]}" in result.output


def test_the_accounts_registry_needs_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    with pytest.raises(UsageError, match="AWS_REGION is not set"):
        own_registry()
