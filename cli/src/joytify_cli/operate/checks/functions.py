"""Checks of the deployed functions: their state, images, settings, and the topic between them."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from joytify_cleanup.settings import CleanupSettings
from joytify_cli.operate.checks.settings import changed, given_settings
from joytify_cli.operate.findings import Check, Finding
from joytify_cli.target import FUNCTIONS, NOT_FOUND
from joytify_common.aws import aws_errors
from joytify_common.errors import ConfigError
from joytify_discord.settings import DiscordSettings
from joytify_stats.settings import StatsSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from joytify_cli.operate.checks.context import Context
    from joytify_cli.target import FunctionName
    from joytify_common.settings import Settings

SETTINGS: dict[FunctionName, type[Settings]] = {
    "stats": StatsSettings,
    "cleanup": CleanupSettings,
    "discord": DiscordSettings,
}
# Which differ from deployment to deployment.
OWN = {"SECRET_ID", "DB_NAME", "CLEANUP_FUNCTION_NAME", "DISCORD_MEMORY_TABLE", "CLEANUP_ARCHIVE_BUCKET"}
APPLY = "terraform apply (docs/deploy.md)"


def checks(context: Context) -> list[Check]:
    """Return the checks of the functions and the topic."""
    images = [Check("images", lambda: _images(context), APPLY)]
    functions = [Check(f"function {name}", lambda name=name: _function(context, name), APPLY) for name in FUNCTIONS]  # type: ignore[misc]
    settings = [Check("settings", lambda name=name: _settings(context, name), APPLY) for name in FUNCTIONS]  # type: ignore[misc]
    return [*functions, *images, *settings, Check("topic", lambda: _topic(context), APPLY)]


def _get(context: Context, function: FunctionName) -> Mapping[str, Any]:
    name = context.target.names.functions[function]
    with aws_errors(f"function {name}", "Lambda", not_found=NOT_FOUND):
        found: Mapping[str, Any] = context.target.client("lambda").get_function(FunctionName=name)
    return found


def _function(context: Context, function: FunctionName) -> Iterator[Finding]:
    context.need_aws()
    found = _get(context, function)["Configuration"]
    check, says = f"function {function}", f"{found['FunctionName']}, {found['MemorySize']} MB, {found['Timeout']} s"
    state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
    if state == "Pending" or update == "InProgress":
        yield Finding(check, "note", f"{says}: it is being created or updated", "look again in a minute")
    elif state == "Failed" or update == "Failed":
        reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason is given"
        yield Finding(check, "wrong", f"{says}: state {state}, last update {update}: {reason}", APPLY)
    else:
        yield Finding(check, "ok", says)


def _images(context: Context) -> Iterator[Finding]:
    found = {
        name: context.needed(f"function {name} could not be read", partial(_get, context, name)) for name in FUNCTIONS
    }
    runs = {name: _digest(answer["Code"]) for name, answer in found.items()}
    if context.target.stack is not None and context.target.stack.way != "deployed":
        yield Finding("images", "none", f"{context.target.place} runs what is installed or built here")
        return
    try:
        wanted = json.loads(context.digests.read_text(encoding="utf-8"))["image_digests"]
    except (OSError, ValueError, KeyError):
        yield Finding(
            "images",
            "note",
            f"{context.digests} names no digests to compare with",
            "`make push` writes it; --digests names another file",
        )
        return
    differing = [name for name, digest in runs.items() if digest != wanted.get(name)]
    for name in differing:
        says = f"{name} runs {runs[name]}, {context.digests} has {wanted.get(name)}"
        yield Finding("images", "wrong", says, f"{APPLY}, or go back to the digests in Git")
    if not differing:
        yield Finding("images", "ok", f"every function runs the digest in {context.digests}")


def _digest(code: Mapping[str, Any]) -> str:
    addresses = (str(code.get(key, "")) for key in ("ImageUri", "ResolvedImageUri"))
    return next((digest for address in addresses if (digest := address.partition("@")[2])), "no image")


def _settings(context: Context, function: FunctionName) -> Iterator[Finding]:
    try:
        settings = given_settings(SETTINGS[function], context.settings(function))
    except ConfigError as exc:
        yield Finding("settings", "wrong", f"{function}: {exc}", f"correct the variable in Terraform, then {APPLY}")
        return
    others = {name: both for name, both in changed(settings).items() if name not in OWN}
    differing = ", ".join(f"{name}={value} (default {default})" for name, (value, default) in others.items())
    yield Finding("settings", "ok", f"{function}: {differing or 'the defaults'}")


def _topic(context: Context) -> Iterator[Finding]:
    arn = context.settings("stats").get("SNS_TOPIC_ARN", "")
    client = context.target.client("sns")
    with aws_errors(f"topic {arn}", "SNS", not_found={"NotFound", "NotFoundException"}):
        pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        endpoints = [each["Endpoint"] for page in pages for each in page["Subscriptions"]]
    discord = context.target.names.functions["discord"]
    if any(endpoint.rpartition(":")[2] == discord for endpoint in endpoints):
        yield Finding("topic", "ok", f"{discord} receives what is published")
    else:
        yield Finding("topic", "wrong", f"{discord} is not subscribed to {arn}: Discord stays silent", APPLY)
