"""Checks of the account and the secret: presence and shape of each key; no value is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import AWS, SECRET, Context
from joytify_cli.operate.checks.shapes import SET_KEY, SHAPES, is_right
from joytify_cli.operate.findings import RESTART, Finding
from joytify_common.secrets import KEYS


def _identity(context: Context) -> Iterator[Finding]:
    identity, target = context.fetch_and_report(AWS, lambda: context.identity), context.target
    yield Finding("ok", f"{identity['Arn']} in {target.region}, {target.place}")


def _secret(context: Context) -> Iterator[Finding]:
    values = context.fetch_and_report(SECRET, lambda: context.secret)
    faults = [*_missing(values, context.target.flags), *_not_text(values), *_malformed(values), *_unknown(values)]
    yield from faults
    if not any(fault.status == "wrong" for fault in faults):
        yield Finding(
            "ok",
            f"{context.target.secret_id}: every required key is there, and every key has the right shape",
        )
    if values.get("SCHEDULE_MODE") == "test_auto":
        yield Finding(
            "note",
            "SCHEDULE_MODE is test_auto: runs use the test collections",
            f"joytify schedule set production{context.target.flags}",
        )


def _missing(values: Mapping[str, Any], flags: str) -> Iterator[Finding]:
    missing = [key for key, known in KEYS.items() if known.is_required and not values.get(key)]
    # A secret that lacks several keys was probably overwritten.
    undo = f"; if somebody overwrote the secret: joytify secret undo{flags}" if len(missing) > 1 else ""
    for key in missing:
        yield Finding("wrong", f"{key} is missing ({KEYS[key].holds})", f"{SET_KEY}{undo}")


def _not_text(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield a finding per value that is not text, since every function rejects such a secret."""
    for key in KEYS:
        if (value := values.get(key)) is not None and not isinstance(value, str):
            yield Finding("wrong", f"{key} must be text; every function rejects the secret", SET_KEY)


def _malformed(values: Mapping[str, Any]) -> Iterator[Finding]:
    for key, (_, expected) in SHAPES.items():
        value = values.get(key)
        if isinstance(value, str) and value and not is_right(key, value):
            yield Finding("wrong", f"{key} is not {expected}", SET_KEY)


def _unknown(values: Mapping[str, Any]) -> Iterator[Finding]:
    for key in values.keys() - KEYS.keys():
        close = get_close_matches(key, KEYS, 1)
        meant = f"did you mean {close[0]}?" if close else "other programs may read it"
        yield Finding("note", f"no function reads the key {key}: {meant}")


CHECKS = (
    Check(
        "aws",
        _identity,
        f"see AWS_PROFILE, AWS_REGION and `aws sts get-caller-identity`; {RESTART}",
    ),
    Check(
        "secret",
        _secret,
        "check that it exists, who may read it and what it holds (docs/deploy.md, Change a secret value); if somebody "
        "overwrote it: joytify secret undo",
    ),
)
