"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from joytify_cli.terminal import CommandError

Status = Literal["ok", "note", "none", "wrong", "unknown"]


class UnavailableError(CommandError):
    """Something that this check needs is missing; another check reports it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: name of the check.
        status: `note` is worth knowing; `none` means that the stack has none of it, by its nature; `unknown` that it
            could not be checked, for a reason that another check reports.
        says: what was found.
        action: what to do about it; empty if nothing.
    """

    check: str
    status: Status
    says: str
    action: str = ""
