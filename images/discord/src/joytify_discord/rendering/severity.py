"""How bad a message of AWS is, read from the words that its services use for states, results and severities.

One place for all kinds: a kind overrides it only if its words mean something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from joytify_discord.rendering.style import FAILURE, INFORMATION, SUCCESS, WARNING, Severity

# Keys that hold a state, a result or a severity end so, in any spelling: `scan-status`, `TrainingJobStatus`.
STATES = (
    "state",
    "status",
    "result",
    "severity",
    "level",
    "label",
    "eventtype",
    "statuscode",
    "compliancetype",
    "statevalue",
    "condition",
    "categories",
    "conclusion",
)
# Keys that hold the name of an event.
NAMES = {"eventname", "eventtype", "changetype", "event", "detailtype", "type"}
ERRORS = {"error", "errormessage", "errorcode"}
# What was the case before, or should be, says nothing of what is the case now.
EARLIER = re.compile(r"old|previous|prior|last|configuration|desired|expected|target|history", re.IGNORECASE)
DEPTH = 6
MOST_ENTRIES = 50
LONGEST_WORD = 60
JUDGED_CHARACTERS = 2000

# From what says least to the worst.
ORDER = (INFORMATION, SUCCESS, WARNING, FAILURE)
CLOSED = {"RESOLVED", "ARCHIVED", "PASSED", "PASS", "CLOSED", "SUPPRESSED", "COMPLIANT", "NO_THREATS_FOUND"}
CLOSED |= {"CLEARED", "RECOVERED", "NOT_STALLED"}
BAD = {
    "FAIL",
    "FAULT",
    "CRITICAL",
    "HIGH",
    "SEVERE",
    "FATAL",
    "NON_COMPLIANT",
    "THREATS_FOUND",
    "PERMANENT",
    "ALARM",
    "RED",
    "FIRING",
    "FIRED",
    "DOWN",
    "STALLED",
    "INOPERABLE",
    "ALERTING",
}
BAD_ENDS = (
    "FAILED",
    "FAILURE",
    "FAILURES",
    "ERROR",
    "ERRORS",
    "FAULTED",
    "ABORTED",
    "DENIED",
    "REJECTED",
    "UNHEALTHY",
    "IMPAIRED",
    "EXHAUSTED",
)
LATE = ("TIMED_OUT", "TIMEOUT", "TIMEDOUT")
DOUBTFUL = {"WARN", "MEDIUM", "MODERATE", "EXPIRED", "STOP", "STOPPING", "PARTIAL", "DEGRADED", "YELLOW", "SKIPPED"}
DOUBTFUL |= {"OPEN", "SET", "TRIGGERED"}
DOUBTFUL_ENDS = (
    "STOPPED",
    "CANCELLED",
    "CANCELED",
    "WARNING",
    "THROTTLED",
    "UNDELIVERABLE",
    "TERMINATED",
    "INCOMPLETE",
    "APPROVAL",
)
GOOD = {"OK", "HEALTHY", "AVAILABLE", "GREEN"}
GOOD_ENDS = ("SUCCEEDED", "SUCCEED", "SUCCESS", "SUCCESSFUL", "COMPLETED", "COMPLETE")

# How people and tools begin what they write: `[FIRING:1] Disk`, `OK: "api-errors"`, `Violation - a user`.
LEADING_WORD = re.compile(r"^[^\w\[]*(?:\[([a-z]+)[^\]]*\]|([A-Z]{2,})\b|([a-z]+)(?=\s*:|\s+-\s))", re.IGNORECASE)
LEADING_BAD = {
    "ALARM",
    "FIRING",
    "FIRED",
    "DOWN",
    "CRITICAL",
    "ERROR",
    "FAILED",
    "FAILURE",
    "FATAL",
    "PROBLEM",
    "OUTAGE",
    "EMERGENCY",
}
LEADING_DOUBTFUL = {"WARNING", "WARN", "ALERT", "ALERTING", "TRIGGERED", "VIOLATION", "DEGRADED", "INSUFFICIENT"}
LEADING_GOOD = {"OK", "RESOLVED", "RECOVERED", "RECOVERY", "CLEARED", "FIXED", "UP", "PASSED"}

BAD_IN_TEXT = re.compile(
    r"\b(?:failed|failing|failures?|fails|unsuccessful(?:ly)?|errors?|severe|unhealthy|aborted|critical|fatal|exceptions?"
    r"|timed[ _]out|rejected|bounced|complaint|revoked|blocked|down|unable|unavailable|unreachable|outage|impaired"
    r"|inoperable|incompatible|corrupt(?:ed)?|crashed|abuse|exhausted|discarded)\b",
    re.IGNORECASE,
)
DOUBTFUL_IN_TEXT = re.compile(
    r"\b(?:expired|expiring|warnings?|degraded|interruption|issues|failover|full|alerts?|alarms?|firing|triggered"
    r"|violations?|breach(?:ed)?|anomal(?:y|ies)|stalled|stuck|deletion|rolled back|rollback|terminated|canceled"
    r"|cancelled|exceed(?:s|ed)?|without mfa|root (?:log-?in|sign-?in)|has stopped|out of compliance)\b",
    re.IGNORECASE,
)
GOOD_IN_TEXT = re.compile(r"\b(?:successful(?:ly)?|succeed(?:ed)?)\b", re.IGNORECASE)
# What a sentence says is not, or is no more, the case.
DENIED = re.compile(
    r"\b(?:no|not|0|zero|without(?: any)?)\s+(?:\w+\s+)?(?:failed|failures?|errors?|issues|warnings?|alarms?|alerts?)\b"
    r"|\b(?:errors?|failures?|failed|warnings?|issues)\s*[:=]\s*0\b"
    r"|\b(?:previous|prior|earlier|former|old|last)\s+(?:state|status)\W{1,3}\w+"
    r"|\berror budget\b",
    re.IGNORECASE,
)
NOT_GOOD = re.compile(
    r"\b(?:not|never|(?:was|is|has|did)n.t|no longer)\s+(?:\w+\s+)?"
    r"(?:successful(?:ly)?|succeed(?:ed)?|complete[d]?|available|reachable|healthy|responding|recovered|working)\b",
    re.IGNORECASE,
)
RECOVERED = re.compile(
    r"\b(?:(?:has|have|is|are)\s+(?:now\s+)?(?:recovered|resolved|restored|cleared)"
    r"|is (?:now )?up|back (?:to normal|online|up)|returned to (?:normal|ok)|recovered from)\b",
    re.IGNORECASE,
)


def severity_of(value: object, depth: int = DEPTH) -> Severity:
    """Return how bad a message is, from all its states, results and severities; INFORMATION if none of them tells.

    What is resolved, archived, passed or closed is no alert, whatever else is said of it and of its parts.
    """
    if isinstance(value, list) and depth:
        return worst(severity_of(entry, depth - 1) for entry in value[:MOST_ENTRIES] if isinstance(entry, (dict, list)))
    if not isinstance(value, dict) or not depth:
        return INFORMATION
    present = [(str(key), inner) for key, inner in list(value.items())[:MOST_ENTRIES] if not EARLIER.match(str(key))]
    words = [word for key, inner in present for word in _words(key, inner)]
    if closed := next((word for word in words if _normalized(word) in CLOSED), ""):
        return SUCCESS.because(f"state: {closed}")
    errors = [FAILURE.because(f"error: {key}") for key, inner in present if _is_error(key, inner)]
    parts = [severity_of(inner, depth - 1) for _, inner in present]
    names = [severity_of_name(inner) for key, inner in present if _is_name(key, inner)]
    # The event is the key of a message with one key: {"ElastiCache:SnapshotFailed": "cluster"}.
    if depth == DEPTH and len(value) == 1:
        names += [severity_of_name(key) for key, _ in present]
    return worst([*map(severity_of_word, words), *errors, *parts, *names])


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst of them; INFORMATION if there are none."""
    return max(severities, key=ORDER.index, default=INFORMATION)


def severity_of_word(word: str) -> Severity:
    """Return how bad one word of AWS is, in any spelling: `FAILED`, `UPDATE_ROLLBACK_COMPLETE`, `ExecutionTimedOut`."""
    return _of_word(_normalized(word)).because(f"state: {word}")


def _of_word(word: str) -> Severity:
    parts = word.split("_")
    if word in BAD or "ROLLBACK" in parts or word.endswith(LATE) or parts[-1] in BAD_ENDS:
        return FAILURE
    if word in DOUBTFUL or parts[-1] in DOUBTFUL_ENDS:
        return WARNING
    return SUCCESS if word in GOOD | CLOSED or parts[-1] in GOOD_ENDS else INFORMATION


def severity_of_text(text: str) -> Severity:
    """Return how bad a sentence or the name of a kind is: by how it begins, what it denies, then by its words."""
    text = text[:JUDGED_CHARACTERS]
    return next(filter(None, (rule(text) for rule in TEXT_RULES)), INFORMATION)


def _by_leading_word(text: str) -> Severity | None:
    match = LEADING_WORD.match(text)
    word = next(filter(None, match.groups()), "").upper() if match else ""
    found = [(FAILURE, LEADING_BAD), (WARNING, LEADING_DOUBTFUL), (SUCCESS, LEADING_GOOD)]
    return next((severity.because(f"leading word: {word}") for severity, words in found if word in words), None)


def _by_denial(text: str) -> Severity | None:
    found = ((FAILURE, "negation", NOT_GOOD), (SUCCESS, "recovery", RECOVERED))
    return _first_match(found, text)


def _by_words(text: str) -> Severity | None:
    text = DENIED.sub("", text)
    found = ((FAILURE, "word", BAD_IN_TEXT), (WARNING, "word", DOUBTFUL_IN_TEXT), (SUCCESS, "word", GOOD_IN_TEXT))
    return _first_match(found, text)


def _first_match(rules: Iterable[tuple[Severity, str, re.Pattern[str]]], text: str) -> Severity | None:
    for severity, name, pattern in rules:
        if match := pattern.search(text):
            return severity.because(f"{name}: {match.group()}")
    return None


# The first that decides wins.
TEXT_RULES = (_by_leading_word, _by_denial, _by_words)


def severity_of_name(name: str) -> Severity:
    """Return how bad the name of an event is, which is written in one word: `ElastiCache:SnapshotFailed`."""
    spaced = re.sub(r"[_:.-]|(?<=[a-z])(?=[A-Z])", " ", name)
    return worst([severity_of_text(spaced), severity_of_word(name)])


def _words(key: str, value: object) -> Iterator[str]:
    """Yield the state, result or severity under a key, which may be an object that names it."""
    name = re.sub(r"[^a-z]", "", key.lower())
    if not name.endswith(STATES):
        return
    for word in [value] if isinstance(value, str) else _named(value):
        if len(word) <= LONGEST_WORD:
            yield word


def _named(value: object) -> list[str]:
    if isinstance(value, list):
        return [each for each in value if isinstance(each, str)]
    names = ("label", "Label", "description", "name", "value", "Value")
    return [value[name] for name in names if isinstance(value.get(name), str)] if isinstance(value, dict) else []


def _is_name(key: str, value: object) -> bool:
    return re.sub(r"[^a-z]", "", key.lower()) in NAMES and isinstance(value, str) and len(value) <= LONGEST_WORD


def _is_error(key: str, value: object) -> bool:
    if re.sub(r"[^a-z]", "", key.lower()) in ERRORS:
        return isinstance(value, str) and value.strip().lower() not in {"", "none", "null", "0", "ok", "false"}
    return key.lower() in {"success", "succeeded", "ok"} and value is False


def _normalized(word: str) -> str:
    """Return a word of AWS in one spelling: upper case, its parts joined by underscores."""
    return re.sub(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", "_", word.strip()).upper()
