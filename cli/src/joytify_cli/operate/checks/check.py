"""A check of `joytify doctor`, and its runner: an error or a hang in one check does not affect the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from queue import Empty, Queue
from threading import Thread

from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.findings import Finding, UnavailableError
from joytify_cli.terminal import CommandError
from joytify_common.errors import JobError

# Most checks have a shorter limit of their own, and their error names the slow call.
LIMIT_SECONDS = 45.0


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        name: name of the check, shown beside each of its findings.
        look: yields the findings.
        action: remedy that is shown if the check fails with an error.
    """

    name: str
    look: Callable[[Context], Iterable[Finding]]
    action: str = ""

    def findings(self, context: Context, limit: float = LIMIT_SECONDS) -> Iterator[Finding]:
        """Yield the findings made within `limit` seconds; an error is also a finding."""
        found: Queue[Finding | None] = Queue()
        until = time.monotonic() + limit

        def run() -> None:
            try:
                for finding in self.look(context):
                    found.put(finding)
            except UnavailableError as exc:
                found.put(Finding("unknown", f"not checked: {exc}"))
            except (CommandError, JobError) as exc:
                found.put(Finding("wrong", str(exc), self.action))
            except Exception as exc:  # noqa: BLE001 - a check that breaks must not end the others
                # A library's text could hold a secret.
                found.put(Finding("wrong", f"the check itself failed ({type(exc).__name__})", self.action))
            found.put(None)

        Thread(target=run, daemon=True).start()
        try:
            while (finding := found.get(timeout=max(0.0, until - time.monotonic()))) is not None:
                yield replace(finding, check=self.name)
        except Empty:
            yield Finding("wrong", f"no answer within {limit:g} s", self.action, check=self.name)
