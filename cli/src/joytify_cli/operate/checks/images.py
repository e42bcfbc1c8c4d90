"""Checks of the functions' images: the digests in the repository and in ECR."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.checks.functions import APPLY
from joytify_cli.operate.findings import Finding
from joytify_cli.operate.push import ECR, digests_in
from joytify_cli.target import FUNCTIONS, FunctionName
from joytify_common.aws import aws_errors
from joytify_common.errors import ConfigError


def _images(context: Context) -> Iterator[Finding]:
    found = {
        name: context.fetch_or_skip(f"function {name} could not be read", partial(context.function, name))
        for name in FUNCTIONS
    }
    runs = {name: _digest(answer["Code"]) for name, answer in found.items()}
    if context.target.stack is not None and context.target.stack.way != "deployed":
        yield Finding("none", f"{context.target.place} runs the code installed or built here")
        return
    yield from _compared(context, runs)
    for name, answer in found.items():
        try:
            yield from _retention(context, name, str(answer["Code"].get("ImageUri", "")), runs[name])
        except ConfigError as exc:
            # An ECR in another account may allow the functions to pull images, but not this user to list them.
            yield Finding("note", f"could not check whether ECR keeps {name}'s image: {exc}")


def _compared(context: Context, runs: Mapping[FunctionName, str]) -> Iterator[Finding]:
    wanted = digests_in(context.digests.read_text(encoding="utf-8")) if context.digests.exists() else {}
    if not wanted:
        yield Finding(
            "note",
            f"{context.digests} contains no digests to compare with",
            "`make push` writes it; --digests names another file",
        )
        return
    differing = [name for name, digest in runs.items() if digest != wanted.get(name)]
    for name in differing:
        says = f"{name} runs {runs[name]}, {context.digests} has {wanted.get(name)}"
        yield Finding("wrong", says, f"{APPLY}, or restore the file from Git")
    if not differing:
        yield Finding("ok", f"every function runs the digest in {context.digests}")


def _retention(context: Context, name: str, address: str, digest: str) -> Iterator[Finding]:
    """Yield a finding if ECR no longer has, or may delete, the image that a function runs."""
    if (ecr := ECR.match(address.partition("@")[0])) is None:
        return
    repository, environment = (ecr["path"] or "").strip("/"), context.target.names.environment
    with aws_errors(f"repository {repository}", "ECR", not_found={"RepositoryNotFoundException"}):
        pages = (
            context.target.client("ecr")
            .get_paginator("list_images")
            .paginate(registryId=ecr["host"][:12], repositoryName=repository)
        )
        tags = [
            each.get("imageTag", "") for page in pages for each in page["imageIds"] if each["imageDigest"] == digest
        ]
    if not tags:
        again = f"`make push ENVIRONMENT={environment}`, then {APPLY}"
        yield Finding("wrong", f"{name} runs {digest}, which {repository} no longer has", again)
    elif not any(tag.startswith(f"{environment}-") for tag in tags):
        says = f"{name} runs {digest}, which has no tag {environment}-...: ECR may delete it in favour of other images"
        yield Finding("note", says, f"`make push ENVIRONMENT={environment} FROM=...` adds that tag")


def _digest(code: Mapping[str, Any]) -> str:
    addresses = (str(code.get(key, "")) for key in ("ImageUri", "ResolvedImageUri"))
    return next((digest for address in addresses if (digest := address.partition("@")[2])), "no image")


CHECKS = (Check("images", _images, APPLY),)
