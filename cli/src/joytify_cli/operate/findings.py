"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "note", "none", "wrong", "unknown"]

RESTART = (
    "if the local stack has ended: make down (if make deploy-local started it: make destroy-local), then start it again"
)


class UnavailableError(Exception):
    """The check cannot be made now, usually for a reason that another check reports."""


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        check: name of the check, which `Check` adds.
        status: `note` is worth knowing; `none` means that this kind of stack has no such resource;
            `unknown` means that it could not be checked, usually for a reason that another check reports.
        says: the result, for people.
        action: what to do about it; empty if nothing.
    """

    check: str = field(default="", kw_only=True)
    status: Status
    says: str
    action: str = ""
