"""Checks of the deployed functions: their state, settings, and the topic between them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial

from botocore.config import Config

from joytify_cleanup.settings import CleanupSettings
from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.findings import Finding, UnavailableError
from joytify_cli.target import FUNCTIONS, NOT_FOUND, FunctionName
from joytify_common.aws import aws_errors
from joytify_common.errors import ConfigError
from joytify_common.settings import Settings, load_settings
from joytify_discord.settings import CACHE_MINUTES, DiscordSettings
from joytify_stats.settings import StatsSettings

SETTINGS: dict[FunctionName, type[Settings]] = {
    "stats": StatsSettings,
    "cleanup": CleanupSettings,
    "discord": DiscordSettings,
}
# Settings that differ between deployments, so doctor does not report that they differ from the defaults.
PER_DEPLOYMENT = {
    "SECRET_ID",
    "DB_NAME",
    "CLEANUP_FUNCTION_NAME",
    "CLEANUP_STATE_MACHINE_ARN",
    "DISCORD_MEMORY_TABLE",
    "CLEANUP_ARCHIVE_BUCKET",
}
# Settings that must be the same in several functions.
SHARED: dict[str, tuple[FunctionName, ...]] = {
    "SECRET_ID": FUNCTIONS,
    "DB_NAME": ("stats", "cleanup"),
    "SNS_TOPIC_ARN": ("stats", "cleanup"),
}
# Terraform's variables allow no less; Lambda's own default is 3 s.
MIN_TIMEOUT_SECONDS = 30
APPLY = "terraform apply (docs/deploy.md)"
SELF_TEST_ACTION = (
    "the function reports this itself: compare it with doctor's check of the same service from this machine, and see "
    "the function's log"
)
# No retry: it would run the function twice.
NO_RETRIES = Config(connect_timeout=5, read_timeout=40, retries={"total_max_attempts": 1})


def _function(context: Context, *, function: FunctionName) -> Iterator[Finding]:
    context.need_aws()
    found = context.function(function)["Configuration"]
    says = f"{found['FunctionName']}, {found['MemorySize']} MB, {found['Timeout']} s"
    state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
    if state == "Pending" or update == "InProgress":
        yield Finding("note", f"{says}: it is being created or updated", "check again in a minute")
    elif state == "Failed" or update == "Failed":
        reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason is given"
        yield Finding("wrong", f"{says}: state {state}, last update {update}: {reason}", APPLY)
    else:
        yield Finding("ok", says)


def _self_test(context: Context, *, function: FunctionName) -> Iterator[Finding]:
    """Have the function test its services, from its own address, with its own secret and rights."""
    context.settings(function)
    name = context.target.names.functions[function]
    client = context.target.client("lambda", NO_RETRIES)
    with aws_errors(f"function {name}", "Lambda", not_found=NOT_FOUND):
        try:
            response = client.invoke(FunctionName=name, Payload=b'{"selfTest": true}')
        except client.exceptions.TooManyRequestsException:
            raise UnavailableError("a run is active, or the function's concurrency is 0 or used up") from None
        answer = json.loads(response["Payload"].read() or b"null")
    if "FunctionError" in response:
        answer = {"it failed": str(answer.get("errorMessage") or answer)}
    faults = [f"{service}: {says}" for service, says in answer.items() if says != "ok"]
    for fault in faults:
        # If an earlier check found something wrong, this fault most likely has the same cause.
        known = context.is_something_wrong
        yield Finding("note" if known else "wrong", fault, "fix the other faults first" if known else SELF_TEST_ACTION)
    if not faults:
        held = f"; discord caches the secret for up to {CACHE_MINUTES} minutes" if function == "discord" else ""
        yield Finding("ok", f"it reaches {', '.join(answer) or 'every service that it calls'}{held}")


def _settings(context: Context, *, function: FunctionName) -> Iterator[Finding]:
    try:
        settings = load_settings(SETTINGS[function], context.settings(function))
    except ConfigError as exc:
        yield Finding("wrong", str(exc), f"correct the variable in Terraform, then {APPLY}")
        return
    others = {name: both for name, both in differing_settings(settings).items() if name not in PER_DEPLOYMENT}
    differing = ", ".join(f"{name}={value} (default {default})" for name, (value, default) in others.items())
    yield Finding("ok", differing or "the defaults")


def differing_settings(settings: Settings) -> dict[str, tuple[object, object]]:
    """Return `(value, default)` of each setting that differs from its default, by name."""
    fields = type(settings).model_fields
    return {
        name.upper(): (getattr(settings, name), field.default)
        for name, field in fields.items()
        if not field.is_required() and getattr(settings, name) != field.default
    }


def _wiring(context: Context) -> Iterator[Finding]:
    """Check the settings that functions must share, and limits that keep a function from running."""
    given = {name: context.settings(name) for name in FUNCTIONS}
    faults = list(_differences(given, context.target.names.functions["cleanup"]))
    for function in FUNCTIONS:
        answer = context.fetch_or_skip(f"function {function} could not be read", partial(context.function, function))
        timeout = answer["Configuration"]["Timeout"]
        if timeout < MIN_TIMEOUT_SECONDS:
            faults.append(f"{function} may run for only {timeout} s; at least {MIN_TIMEOUT_SECONDS} s are needed")
        if answer.get("Concurrency", {}).get("ReservedConcurrentExecutions") == 0:
            faults.append(f"{function} has a reserved concurrency of 0 and never runs")
    for fault in faults:
        yield Finding("wrong", fault, APPLY)
    if not faults:
        yield Finding("ok", "the functions share secret, database and topic, and have enough time")


def _differences(given: Mapping[FunctionName, Mapping[str, str]], cleanup: str) -> Iterator[str]:
    for key, functions in SHARED.items():
        values = {given[name].get(key) for name in functions}
        if len(values) > 1:
            yield f"{key} differs between {' and '.join(functions)}"
    called = given["stats"].get("CLEANUP_FUNCTION_NAME", cleanup)
    if called.rpartition(":")[2] != cleanup:
        yield f"CLEANUP_FUNCTION_NAME of stats is {called}, but cleanup is deployed as {cleanup}"


def _archive(context: Context) -> Iterator[Finding]:
    bucket = context.settings("cleanup").get("CLEANUP_ARCHIVE_BUCKET", "")
    if not bucket:
        yield Finding("ok", "no bucket is set: deleted documents are not archived")
        return
    with aws_errors(f"bucket {bucket} (CLEANUP_ARCHIVE_BUCKET)", "S3", not_found={"404", "NoSuchBucket"}):
        context.target.client("s3").head_bucket(Bucket=bucket)
    yield Finding("ok", f"{bucket} exists; documents are archived there before they are deleted")


def _topic(context: Context) -> Iterator[Finding]:
    arn = context.settings("stats").get("SNS_TOPIC_ARN", "")
    client = context.target.client("sns")
    with aws_errors(f"topic {arn}", "SNS", not_found={"NotFound", "NotFoundException"}):
        pages = client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
        endpoints = [each["Endpoint"] for page in pages for each in page["Subscriptions"]]
    discord = context.target.names.functions["discord"]
    if any(endpoint.rpartition(":")[2] == discord for endpoint in endpoints):
        yield Finding("ok", f"{discord} receives the published messages")
    else:
        yield Finding("wrong", f"{discord} is not subscribed to {arn}: Discord stays silent", APPLY)


CHECKS = (
    *(Check(f"function {name}", partial(_function, function=name), APPLY) for name in FUNCTIONS),
    *(Check(f"settings {name}", partial(_settings, function=name), APPLY) for name in FUNCTIONS),
    Check("wiring", _wiring, APPLY),
    Check("archive", _archive, APPLY),
    Check("topic", _topic, APPLY),
    *(Check(f"self-test {name}", partial(_self_test, function=name), SELF_TEST_ACTION) for name in FUNCTIONS),
)
