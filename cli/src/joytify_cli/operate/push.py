"""`joytify push`: the three images go to a registry, and the digests that it answers to Terraform."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from joytify_cli.docker import DockerError, docker
from joytify_cli.target import FUNCTIONS
from joytify_cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Lambda takes a single image for the processor that the function declares; the wheels in ours are for this one.
PLATFORM = "linux/amd64"
REVISION = "org.opencontainers.image.revision"
# What `make build` builds on where the real base image cannot be pulled; for this machine only.
BASE, STAND_IN = "joytify.base", "joytify-stand-in/"
LOOPBACK = ("localhost:", "127.0.0.1:")
ECR = re.compile(r"^(?P<host>\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?)(/[a-z0-9._/-]+)?$")
# What a login of our own replaces in the user's Docker configuration; the rest, such as the context, stays as it is.
LOGINS = {"auths", "credsStore", "credHelpers"}


class PushError(Exception):
    """An image was not pushed, or is none that Lambda takes."""


def push(
    *,
    registry: Annotated[
        str, typer.Option(help="Host and optional port and path; empty for the ECR of the environment's account")
    ] = "",
    project: Annotated[str, typer.Option(help="What the repositories' names begin with")] = "joytify",
    output: Annotated[Path, typer.Option(help="File for Terraform that the digests are written to")] = Path(
        "terraform/images.prod.tfvars.json"
    ),
    allow_uncommitted: Annotated[
        bool, typer.Option("--allow-uncommitted", help="Push images that were not built from the committed tree, too")
    ] = False,
) -> None:
    """Push the three images and write their digests for Terraform; exit 1 if one is refused.

    Example: joytify push --output terraform/images.prod.tfvars.json
    """
    try:
        digests = push_images(registry or own_registry(), project, allow_uncommitted=allow_uncommitted)
        write_digests(output, digests, registry)
    except (PushError, DockerError, BotoCoreError, ClientError) as exc:
        console.print(f"push: FAILED {exc}", style="bold red", soft_wrap=True)
        raise typer.Exit(1) from None
    for name, digest in digests.items():
        console.print(f"{name:<8} {digest}")
    console.print(f"push: ok, written to {output}", style="bold green", soft_wrap=True)


def write_digests(file: Path, digests: Mapping[str, str], registry: str) -> None:
    """Write the digests for Terraform, and the registry that holds them, where it is not the account's own ECR."""
    variables = {"image_digests": dict(digests), **({"image_registry": registry} if registry else {})}
    file.write_text(json.dumps(variables, indent=2) + "\n", encoding="utf-8")


def own_registry() -> str:
    """Return the address of the ECR of the account and region that the environment names."""
    # Terraform reads the first of them, boto3 only the others.
    region = os.environ.get("AWS_REGION") or boto3.session.Session().region_name
    if not region:
        raise PushError("AWS_REGION is not set: it says whose ECR is meant; or name a registry (REGISTRY=...)")
    account = boto3.client("sts", region_name=region).get_caller_identity()["Account"]
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"{account}.dkr.ecr.{region}.amazonaws.com{suffix}"


def push_images(registry: str, project: str, *, allow_uncommitted: bool) -> dict[str, str]:
    """Push the three images and return the digests that the registry answers, by function.

    Args:
        registry: host and optional port and path.
        project: what the repositories' names begin with.
        allow_uncommitted: whether images may differ from the committed tree.

    Raises:
        PushError: Lambda does not pull from this registry; an image is not there, was not built from the committed
            tree, has another platform or more than one.
        DockerError: Docker or the registry refused.
    """
    local, ecr = registry.startswith(LOOPBACK), ECR.match(registry)
    if not local and ecr is None:
        raise PushError(
            f"{registry} is no ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com): Lambda pulls from no other registry"
        )
    tags = {name: _tag(name, allow_uncommitted=allow_uncommitted, local=local) for name in FUNCTIONS}
    references = {name: f"{registry}/{project}/{name}:{tag}" for name, tag in tags.items()}
    if ecr is None:
        return {name: _push(name, reference) for name, reference in references.items()}
    with logged_in(ecr["host"], _ecr_token(ecr["region"])) as login:
        return {name: _push(name, reference, *login) for name, reference in references.items()}


@contextmanager
def logged_in(host: str, token: str) -> Iterator[tuple[str, str]]:
    """Yield options of Docker's client by which it is logged in there; the user's own logins stay as they are.

    Args:
        host: the registry.
        token: user and password, joined by a colon, as base64: ECR answers them so.
    """
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    file = own / "config.json"
    config = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept = {key: value for key, value in config.items() if key not in LOGINS}
    # Readable by its owner only, and gone afterwards with the token.
    with tempfile.TemporaryDirectory() as folder:
        content = json.dumps({**kept, "auths": {host: {"auth": token}}})
        (Path(folder) / "config.json").write_text(content, encoding="utf-8")
        # The context in use (Docker Desktop, rootless, another machine) says where Docker itself is.
        (Path(folder) / "contexts").symlink_to((own / "contexts").resolve())
        yield ("--config", folder)


def _tag(name: str, *, allow_uncommitted: bool, local: bool) -> str:
    """Return the image's tag: its revision and its own id, since the repositories never move a tag."""
    image = f"joytify/{name}"
    try:
        found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    except DockerError:
        raise PushError(f"image {image} is missing: run `make build` first") from None
    platform = f"{found['Os']}/{found['Architecture']}"
    if platform != PLATFORM:
        raise PushError(f"image {image} is for {platform}; Lambda needs {PLATFORM}")
    labels = found["Config"].get("Labels") or {}
    if labels.get(BASE, "").startswith(STAND_IN) and not local:
        raise PushError(f"image {image} is built on a stand-in for AWS' base image: build it where that can be pulled")
    revision = labels.get(REVISION, "unknown")
    head = _head()
    if revision != head and not allow_uncommitted:
        raise PushError(
            f"image {image} was built from {revision}, the committed tree is {head}: commit, then `make build`; "
            "or say ALLOW_UNCOMMITTED=1"
        )
    return (
        f"{revision[:12]}{'-dirty' if revision.endswith('-dirty') else ''}-{found['Id'].removeprefix('sha256:')[:12]}"
    )


def _head() -> str:
    return _git("rev-parse", "HEAD") or "nothing: this is no Git repository"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def _push(name: str, reference: str, *login: str) -> str:
    insecure = ["--insecure"] if reference.startswith(LOOPBACK) else []
    look = (*login, "manifest", "inspect", "--verbose", *insecure, reference)
    try:
        # The tag holds the image's id, so it is the same image; a repository that never moves a tag refuses it again.
        answer = docker(*look)
    except DockerError:
        docker("tag", f"joytify/{name}", reference)
        docker(*login, "push", "--quiet", reference)
        answer = docker(*look)
    return digest_of(json.loads(answer), reference)


def digest_of(answer: Any, reference: str) -> str:  # noqa: ANN401 - `docker manifest inspect --verbose`'s JSON
    """Return the digest of a single image for the one platform.

    Raises:
        PushError: the registry holds an index, or an image for another platform.
    """
    if not isinstance(answer, dict) or "manifests" in answer:
        raise PushError(f"{reference} is an index of several images, which Lambda refuses: build without attestations")
    descriptor = answer["Descriptor"]
    platform = "{os}/{architecture}".format(**descriptor["platform"])
    if platform != PLATFORM:
        raise PushError(f"{reference} is for {platform}; Lambda needs {PLATFORM}")
    return str(descriptor["digest"])


def _ecr_token(region: str) -> str:
    answer = boto3.client("ecr", region_name=region).get_authorization_token()
    return str(answer["authorizationData"][0]["authorizationToken"])
