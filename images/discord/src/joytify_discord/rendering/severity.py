"""How bad a message of AWS is, read from the words that its services use for states, results and severities.

One place for all kinds: a kind overrides it only where its words mean something else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from joytify_discord.rendering.style import FAILURE, INFORMATION, SUCCESS, WARNING, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Keys that hold a state, a result or a severity, in any spelling: `scan-status`, `ScanStatus`, `scanStatus`.
STATES = {
    "state",
    "status",
    "result",
    "eventtype",
    "jobstatus",
    "jobstate",
    "jobrunstate",
    "buildstatus",
    "scanstatus",
    "scanresultstatus",
    "compliancetype",
    "compliancestatus",
    "recordstate",
    "resourcestatus",
    "severity",
    "severitylabel",
    "label",
    "bouncetype",
    "statuscode",
}
# What was the case before says nothing of what is the case now.
EARLIER = re.compile(r"^(?:old|previous|prior|last|configuration|desired)", re.IGNORECASE)
DEPTH = 5
MOST_ENTRIES = 50

# From what says least to the worst.
ORDER = (INFORMATION, SUCCESS, WARNING, FAILURE)
CLOSED = {"RESOLVED", "ARCHIVED", "PASSED", "CLOSED", "SUPPRESSED", "COMPLIANT", "NO_THREATS_FOUND"}
BAD = {
    "FAILED",
    "FAILURE",
    "FAIL",
    "ERROR",
    "FAULT",
    "FAULTED",
    "TIMED_OUT",
    "TIMEDOUT",
    "TIMEOUT",
    "ABORTED",
    "CRITICAL",
    "HIGH",
    "SEVERE",
    "FATAL",
    "NON_COMPLIANT",
    "THREATS_FOUND",
    "UNHEALTHY",
    "IMPAIRED",
    "PERMANENT",
}
DOUBTFUL = {
    "WARN",
    "WARNING",
    "MEDIUM",
    "MODERATE",
    "EXPIRED",
    "STOPPED",
    "STOP",
    "STOPPING",
    "CANCELLED",
    "CANCELED",
    "PARTIAL",
    "DEGRADED",
    "THROTTLED",
    "UNDELIVERABLE",
}
GOOD = {"SUCCEEDED", "SUCCESS", "SUCCESSFUL", "COMPLETED", "COMPLETE", "OK", "HEALTHY", "AVAILABLE"}


def severity_of(value: object) -> Severity:
    """Return how bad a message is, from all its states, results and severities; INFORMATION if none of them tells.

    What is resolved, archived, passed or closed is no alert, whatever else is said of it. Each entry of a list is
    judged by itself, and the worst counts.
    """
    words, entries = set(_words(value)), [severity_of(entry) for entry in _entries(value)]
    if words & CLOSED:
        return worst([SUCCESS, *entries])
    return worst([*(severity_of_word(word) for word in words), *entries])


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst of them; INFORMATION if there are none."""
    return max(severities, key=ORDER.index, default=INFORMATION)


def severity_of_word(word: str) -> Severity:
    """Return how bad one word of AWS is, in any spelling: `FAILED`, `UPDATE_ROLLBACK_COMPLETE`, `Timed Out`."""
    word = _normalized(word)
    parts = word.split("_")
    if word in BAD or "ROLLBACK" in parts or parts[-1] in {"FAILED", "FAILURE", "ERROR"}:
        return FAILURE
    if word in DOUBTFUL or parts[-1] in {"STOPPED", "CANCELLED", "WARNING"}:
        return WARNING
    if word in GOOD or word in CLOSED or parts[-1] in {"COMPLETE", "COMPLETED", "SUCCEEDED", "SUCCESS"}:
        return SUCCESS
    return INFORMATION


def severity_of_text(text: str) -> Severity:
    """Return how bad a sentence or the name of a kind is, by the words in it."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    if words & {"failed", "failure", "failures", "unsuccessful", "error", "severe", "unhealthy", "aborted"}:
        return FAILURE
    if words & {"expired", "expiring", "warning", "degraded", "interruption"}:
        return WARNING
    return SUCCESS if words & {"successful", "successfully", "succeeded"} else INFORMATION


def _normalized(word: str) -> str:
    """Return a word of AWS in one spelling: upper case, its parts joined by underscores."""
    return re.sub(r"[\s-]+", "_", word.strip()).upper()


def _words(value: object, key: str = "", depth: int = DEPTH) -> Iterator[str]:
    """Yield the states, results and severities in an object, except those in lists."""
    if isinstance(value, str) and re.sub(r"[^a-z]", "", key.lower()) in STATES:
        yield _normalized(value)
    elif isinstance(value, dict) and depth:
        for name, inner in list(value.items())[:MOST_ENTRIES]:
            if not EARLIER.match(str(name)):
                yield from _words(inner, str(name), depth - 1)


def _entries(value: object, depth: int = DEPTH) -> Iterator[object]:
    """Yield the objects in lists, wherever they are."""
    if isinstance(value, dict) and depth:
        for inner in list(value.values())[:MOST_ENTRIES]:
            yield from _entries(inner, depth - 1)
    elif isinstance(value, list):
        yield from (entry for entry in value[:MOST_ENTRIES] if isinstance(entry, dict))
