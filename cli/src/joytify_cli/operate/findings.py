"""What a check found, and a runner that no check can end or hold up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread
from typing import Literal

from joytify_cli.terminal import CommandError
from joytify_common.errors import JobError

Status = Literal["ok", "note", "none", "wrong", "unknown"]
# Most checks limit their own calls to less, and say what was slow.
LIMIT_SECONDS = 45.0


class UnavailableError(CommandError):
    """What a check needs is missing, which another check reports."""


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


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        name: what is checked.
        look: yields what it found.
        action: what to do if it fails with an error.
    """

    name: str
    look: Callable[[], Iterable[Finding]]
    action: str = ""

    def findings(self, limit: float = LIMIT_SECONDS) -> Iterator[Finding]:
        """Yield what the check finds within a number of seconds; an error is a finding too."""
        found: Queue[Finding | None] = Queue()
        until = time.monotonic() + limit

        def run() -> None:
            try:
                for finding in self.look():
                    found.put(finding)
            except UnavailableError as exc:
                found.put(Finding(self.name, "unknown", f"not checked: {exc}"))
            except (CommandError, JobError) as exc:
                found.put(Finding(self.name, "wrong", str(exc), self.action))
            except Exception as exc:  # noqa: BLE001 - a check that breaks must not end the others
                # A library's text could hold a secret.
                found.put(Finding(self.name, "wrong", f"the check itself failed ({type(exc).__name__})", self.action))
            found.put(None)

        Thread(target=run, daemon=True).start()
        try:
            while (finding := found.get(timeout=max(0.0, until - time.monotonic()))) is not None:
                yield finding
        except Empty:
            yield Finding(self.name, "wrong", f"no answer within {limit:g} s", self.action)
