"""`joytify push`: push the three images to a registry, and write their digests for Terraform."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from joytify_cli.docker import DockerError, docker
from joytify_cli.target import FUNCTIONS, EnvironmentName, Target
from joytify_cli.terminal import UsageError, console

# Lambda accepts only a single-platform image; the wheels in our images are for this platform.
PLATFORM = "linux/amd64"
REVISION = "org.opencontainers.image.revision"
# The revision of an image that was built outside a Git repository.
UNKNOWN = "unknown"
# The label with the base image's name, and the prefix of the stand-ins that `make build` uses
# if the real base image cannot be pulled; images built on a stand-in are for this machine only.
BASE, STAND_IN = "joytify.base", "joytify-stand-in/"
# AWS publishes a new base image every few weeks.
OLD_DAYS = 45
LOOPBACK = ("localhost:", "127.0.0.1:")
ECR = re.compile(
    r"^(?P<host>\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?)(?P<path>/[a-z0-9._/-]+)?$"
)
# Keys of the user's Docker configuration that our own login replaces; the other keys are kept.
LOGINS = {"auths", "credsStore", "credHelpers"}


class PushError(Exception):
    """An image was not pushed, or Lambda would not accept it."""


def push(
    *,
    registry: Annotated[
        str, typer.Option(help="Host with optional port and path; default: the ECR of the AWS account in use")
    ] = "",
    project: Annotated[str, typer.Option(help="Prefix of the repositories' names")] = "joytify",
    environment: Annotated[
        EnvironmentName, typer.Option(help="Environment that the images are for; their tags begin with it")
    ] = "prod",
    source: Annotated[
        EnvironmentName | None,
        typer.Option("--from", help="Environment whose images are reused, instead of pushing the images built here"),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Folder for the file of digests")] = Path("terraform"),
    allow_uncommitted: Annotated[
        bool, typer.Option("--allow-uncommitted", help="Also push images that were not built from the committed tree")
    ] = False,
) -> None:
    """Push the three images and write their digests for Terraform; exit 1 if one is refused.

    Example: joytify push --environment prod --from dev
    """
    if source is not None and (registry or source == environment):
        raise UsageError(
            f"--from {source} reuses the images of {source}: --environment must not be {source}; omit --registry"
        )
    output = digests_file(environment, folder)
    try:
        if source is not None:
            registry, digests = reuse_images(digests_file(source, folder), project, environment)
        else:
            place = registry or own_registry()
            digests = push_images(place, project, environment=environment, allow_uncommitted=allow_uncommitted)
        write_digests(output, digests, registry)
    except (PushError, DockerError, BotoCoreError, ClientError) as exc:
        console.print(f"push: FAILED {exc}", style="bold red", soft_wrap=True)
        raise typer.Exit(1) from None
    for name, digest in digests.items():
        console.print(f"{name:<8} {digest}")
    console.print(f"push: ok, written to {output}", style="bold green", soft_wrap=True)


def write_digests(file: Path, digests: Mapping[str, str], registry: str) -> None:
    """Write the digests for Terraform, and the registry if it is not the account's own ECR."""
    variables = {"image_digests": dict(digests), **({"image_registry": registry} if registry else {})}
    file.write_text(json.dumps(variables, indent=2) + "\n", encoding="utf-8")


def digests_file(environment: str, folder: Path = Path("terraform")) -> Path:
    """Return the file with the digests of an environment's images."""
    return folder / f"images.{environment}.tfvars.json"


def digests_in(text: str) -> dict[str, str]:
    """Return the digests in the text of a digests file; nothing if it is not a digests file."""
    try:
        found = json.loads(text)["image_digests"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def reuse_images(file: Path, project: str, environment: str) -> tuple[str, dict[str, str]]:
    """Tag another environment's images for `environment`, so that ECR keeps them for both.

    Returns:
        The registry, empty for the account's own ECR, and the digests, by function.

    Raises:
        PushError: the file lacks a digest, or the registry no longer has the images.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    digests = digests_in(text)
    if missing := [name for name in FUNCTIONS if not digests.get(name)]:
        raise PushError(
            f"{file} has no digest for {', '.join(missing)}" if text else f"{file} cannot be read, or is empty"
        )
    registry = str(json.loads(text).get("image_registry", ""))
    # A local registry has no lifecycle policy, so its images need no further tag.
    if (ecr := ECR.match(registry or own_registry())) is not None:
        client = boto3.client("ecr", region_name=ecr["region"])
        for name, digest in digests.items():
            _tag_in_ecr(client, ecr, f"{project}/{name}", digest, environment)
    return registry, digests


def _tag_in_ecr(client: Any, ecr: re.Match[str], repository: str, digest: str, environment: str) -> None:  # noqa: ANN401 - boto3 makes its clients at run time
    repository = f"{(ecr['path'] or '').strip('/')}/{repository}".strip("/")
    where = {"registryId": ecr["host"][:12], "repositoryName": repository}
    images = client.batch_get_image(**where, imageIds=[{"imageDigest": digest}])["images"]
    if not images:
        raise PushError(f"{repository} no longer has {digest}: build and push it again")
    tag = f"{environment}-{digest.removeprefix('sha256:')[:12]}"
    try:
        client.put_image(**where, imageManifest=images[0]["imageManifest"], imageTag=tag, imageDigest=digest)
    except client.exceptions.ImageAlreadyExistsException:
        return


def own_registry() -> str:
    """Return the address of the ECR in the account and region of the AWS configuration."""
    here = Target()
    try:
        region = here.region
    except UsageError as exc:
        raise UsageError(f"{exc}, or name a registry (--registry, REGISTRY=)") from None
    account = here.client("sts").get_caller_identity()["Account"]
    suffix = ".cn" if region.startswith("cn-") else ""
    return f"{account}.dkr.ecr.{region}.amazonaws.com{suffix}"


def push_images(registry: str, project: str, *, environment: str, allow_uncommitted: bool) -> dict[str, str]:
    """Push the three images and return their digests in the registry, by function.

    Args:
        registry: host and optional port and path.
        project: prefix of the repositories' names.
        environment: environment of the images; ECR keeps a number of images of each environment.
        allow_uncommitted: whether images may differ from the committed tree.

    Raises:
        PushError: Lambda does not pull from this registry; or an image is missing, was not built
            from the committed tree, or is for another platform or for several.
        DockerError: Docker or the registry refused.
    """
    local, ecr = registry.startswith(LOOPBACK), ECR.match(registry)
    if not local and ecr is None:
        raise PushError(f"{registry} is not an ECR (ACCOUNT.dkr.ecr.REGION.amazonaws.com): Lambda pulls only from ECR")
    tags = {name: _tag(name, allow_uncommitted=allow_uncommitted, local=local) for name in FUNCTIONS}
    references = {name: f"{registry}/{project}/{name}:{environment}-{tag}" for name, tag in tags.items()}
    if ecr is None:
        return {name: _push(name, reference) for name, reference in references.items()}
    with docker_login(ecr["host"], _ecr_token(ecr["region"])) as login:
        return {name: _push(name, reference, *login) for name, reference in references.items()}


@contextmanager
def docker_login(host: str, token: str) -> Iterator[tuple[str, str]]:
    """Yield options that log `docker` in to a registry; the user's own logins are not changed.

    Args:
        host: the registry.
        token: base64 of `user:password`, as ECR returns it.
    """
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    file = own / "config.json"
    config = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept = {key: value for key, value in config.items() if key not in LOGINS}
    # The folder is readable by its owner only, and is deleted afterwards with the token in it.
    with tempfile.TemporaryDirectory() as folder:
        content = json.dumps({**kept, "auths": {host: {"auth": token}}})
        (Path(folder) / "config.json").write_text(content, encoding="utf-8")
        # The contexts tell the client where Docker runs (Docker Desktop, rootless, elsewhere).
        (Path(folder) / "contexts").symlink_to((own / "contexts").resolve())
        yield ("--config", folder)


def _tag(name: str, *, allow_uncommitted: bool, local: bool) -> str:
    """Return the image's tag, made of revision and id, since tags in the registry are immutable."""
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
        raise PushError(f"image {image} is built on a stand-in: build it where AWS' base image can be pulled")
    if (days := _days_since(labels.get(f"{BASE}.created", ""))) > OLD_DAYS:
        console.print(f"note: {image} has a base image that is {days} days old: `make build` looks for a newer base")
    revision = labels.get(REVISION, UNKNOWN)
    head = _head()
    if (revision != head or head == UNKNOWN) and not allow_uncommitted:
        raise PushError(
            f"image {image} was built from {revision}, but the last commit of its sources is {head}: commit, then "
            "`make build`; or allow it (--allow-uncommitted, ALLOW_UNCOMMITTED=1)"
        )
    return (
        f"{revision[:12]}{'-dirty' if revision.endswith('-dirty') else ''}-{found['Id'].removeprefix('sha256:')[:12]}"
    )


def _days_since(moment: str) -> int:
    """Return the days since a timestamp in Docker's format; 0 if it is not a timestamp."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(moment)).days
    except ValueError:
        return 0


def _head() -> str:
    """Return the last commit that changed the images' sources, as `revision` in bin/lib.sh does."""
    command = ["git", "log", "-1", "--format=%H", "--", "common", "images", "bin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return done.stdout.strip() or UNKNOWN


def _push(name: str, reference: str, *login: str) -> str:
    insecure = ["--insecure"] if reference.startswith(LOOPBACK) else []
    look = (*login, "manifest", "inspect", "--verbose", *insecure, reference)
    try:
        # The tag contains the image's id, so an existing tag is this image. Pushing it again would
        # fail, since tags are immutable.
        answer = docker(*look)
    except DockerError:
        docker("tag", f"joytify/{name}", reference)
        docker(*login, "push", "--quiet", reference)
        answer = docker(*look)
    return digest_of(json.loads(answer), reference)


def digest_of(answer: Any, reference: str) -> str:  # noqa: ANN401 - `docker manifest inspect --verbose`'s JSON
    """Return the digest of a pushed image, after checking that it is one image, for PLATFORM.

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
