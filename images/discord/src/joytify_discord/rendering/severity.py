"""Determine the severity of an AWS message from its words for states, results and severities.

These rules are for all kinds; a kind overrides them only if its words have another meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING, Severity
from joytify_discord.rendering.vocabulary import (
    BAD,
    BAD_ENDS,
    BAD_IN_TEXT,
    BRACKETED,
    CLOSED,
    DENIED,
    DOUBTFUL,
    DOUBTFUL_ENDS,
    DOUBTFUL_IN_TEXT,
    DOUBTFUL_PARTS,
    EARLIER,
    ENDING_NAMES,
    ERROR_ENDS,
    ERROR_OBJECTS,
    ERRORS,
    FALSE_IF_BAD,
    GOOD,
    GOOD_ENDS,
    GOOD_IN_TEXT,
    INCIDENTS,
    LATE,
    LEADING_BAD,
    LEADING_DOUBTFUL,
    LEADING_GOOD,
    LEADING_WORD,
    LEVELS,
    NAMES,
    NEGATIONS,
    NO_ERROR,
    NOT_GOOD,
    NOTICE_IN_TEXT,
    ORDERLY_DOWN,
    OVER,
    OVER_IN_NAME,
    PRESENT_STATE,
    RECOVERED,
    SENTENCES,
    STATE_LINE,
    STATES,
    TRUE_IF_BAD,
)

DEPTH = 6
MAX_ENTRIES = 50
MAX_WORD_CHARACTERS = 60
JUDGED_CHARACTERS = 2000

LEADING = (
    dict.fromkeys(LEADING_BAD, FAILURE)
    | dict.fromkeys(LEADING_DOUBTFUL, WARNING)
    | dict.fromkeys(LEADING_GOOD, SUCCESS)
)
# Of several severities, the last in this order wins: a stated success says more than no state.
ORDER = (INFORMATION, SUCCESS, WARNING, FAILURE)


def severity_of(value: object, depth: int = DEPTH) -> Severity:
    """Return how bad a message is, from all its states, results and severities; INFORMATION if it has none.

    Anything resolved, archived, passed or closed is not an alert, whatever else the message says about it.
    """
    if isinstance(value, list) and depth:
        return worst(severity_of(entry, depth - 1) for entry in value[:MAX_ENTRIES] if isinstance(entry, (dict, list)))
    if not isinstance(value, dict) or not depth:
        return INFORMATION
    present = _present(value)
    words = [word for key, inner in present for word in _words(key, inner)]
    if closed := next((word for word in words if _normalized(word) in CLOSED), ""):
        return SUCCESS.because(f"state: {closed}")
    names = [inner for key, inner in present if _is_name(inner, key, NAMES)]
    errors = [FAILURE.because(f"error: {key}") for key, inner in present if _is_error(key, inner)]
    parts = [severity_of(inner, depth - 1) for _, inner in present]
    # If a message has one key only, it names the event: {"ElastiCache:SnapshotFailed": "cluster"}.
    if depth == DEPTH and len(value) == 1:
        names += [key for key, _ in present]
    return worst([*map(severity_of_word, words), *errors, *parts, *map(severity_of_name, names)])


def severity_of_sentences(value: object, depth: int = DEPTH) -> Severity:
    """Return the severity of the sentences in a message, for a message without a state."""
    if isinstance(value, list) and depth:
        return worst(severity_of_sentences(entry, depth - 1) for entry in value[:MAX_ENTRIES])
    if not isinstance(value, dict) or not depth:
        return INFORMATION
    present = _present(value)
    own = [severity_of_text(text) for key, text in present if isinstance(text, str) and _plain(key).endswith(SENTENCES)]
    return worst([*own, *(severity_of_sentences(inner, depth - 1) for _, inner in present)])


def _present(value: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(str(key), inner) for key, inner in list(value.items())[:MAX_ENTRIES] if not EARLIER.match(str(key))]


def ending_of(value: Mapping[str, object]) -> str:
    """Return the word by which an object says that its incident is over; empty if it does not, or names an error."""
    present = _present(value)
    if any(_is_error(key, inner) for key, inner in present):
        return ""
    words = [(key, word) for key, inner in present for word in _words(key, inner)]
    if over := next((word for _, word in words if _normalized(word) in OVER), ""):
        return over
    # Skip keys of importance, which may still say "high" after the incident has ended.
    states = [(key, _of_word(_normalized(word)), word) for key, word in words if not _plain(key).endswith(LEVELS)]
    if any(severity == FAILURE for _, severity, _ in states):
        return ""
    well = (word for key, severity, word in states if severity == SUCCESS and PRESENT_STATE.fullmatch(_plain(key)))
    if over := next(well, ""):
        return over
    names = [inner for key, inner in present if _is_name(inner, key, ENDING_NAMES)]
    return next((name for name in names if _ends_an_incident(name)), "")


def _ends_an_incident(name: str) -> bool:
    parts = re.split(r"[_:.]", _normalized(name))
    is_about_an_incident = len(parts) == 1 or not INCIDENTS.isdisjoint(parts)
    return is_about_an_incident and not OVER_IN_NAME.isdisjoint((parts[0], parts[-1])) and NEGATIONS.isdisjoint(parts)


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst severity; INFORMATION if there is none."""
    return max(severities, key=ORDER.index, default=INFORMATION)


def severity_of_word(word: str) -> Severity:
    """Return the severity of an AWS status word, in any spelling: `FAILED`, `ExecutionTimedOut`."""
    return _of_word(_normalized(word)).because(f"state: {word}")


def _of_word(word: str) -> Severity:
    parts = word.split("_")
    is_down = parts[-1] == "DOWN" and not (len(parts) > 1 and parts[-2] in ORDERLY_DOWN)
    if word in BAD or "ROLLBACK" in parts or word.endswith(LATE) or parts[-1] in BAD_ENDS or is_down:
        return FAILURE
    if word in DOUBTFUL or parts[-1] in DOUBTFUL_ENDS or not DOUBTFUL_PARTS.isdisjoint(parts):
        return WARNING
    return SUCCESS if word in GOOD | CLOSED or parts[-1] in GOOD_ENDS else INFORMATION


def severity_of_text(text: str) -> Severity:
    """Return the severity of a text: by its first word, its states, negations or other words."""
    text = text[:JUDGED_CHARACTERS]
    return next(filter(None, (rule(text) for rule in TEXT_RULES)), INFORMATION)


def _by_leading_word(text: str) -> Severity | None:
    # The subject, then the first line of the text.
    for line in text.split("\n")[:2]:
        match = LEADING_WORD.match(line)
        leading = next(filter(None, match.groups()), "") if match else ""
        for word in map(str.upper, (leading, *BRACKETED.findall(line))):
            if word in LEADING:
                return LEADING[word].because(f"leading word: {word}")
    return None


def _by_bad_state_line(text: str) -> Severity | None:
    found = worst(map(severity_of_word, STATE_LINE.findall(text)))
    return found if found in {WARNING, FAILURE} else None


def _by_good_state_line(text: str) -> Severity | None:
    found = worst(map(severity_of_word, STATE_LINE.findall(text)))
    return found if found == SUCCESS else None


def _by_negation_or_recovery(text: str) -> Severity | None:
    found = ((FAILURE, "negation", NOT_GOOD), (SUCCESS, "recovery", RECOVERED))
    return _first_match(found, text)


def _by_bad_words(text: str) -> Severity | None:
    found = ((FAILURE, "word", BAD_IN_TEXT), (WARNING, "word", DOUBTFUL_IN_TEXT))
    return _first_match(found, DENIED.sub("", text))


def _by_other_words(text: str) -> Severity | None:
    found = ((WARNING, "word", NOTICE_IN_TEXT), (SUCCESS, "word", GOOD_IN_TEXT))
    return _first_match(found, DENIED.sub("", text))


def _first_match(rules: Iterable[tuple[Severity, str, re.Pattern[str]]], text: str) -> Severity | None:
    for severity, name, pattern in rules:
        if match := pattern.search(text):
            return severity.because(f"{name}: {match.group()}")
    return None


# The first rule that returns a severity wins.
TEXT_RULES = (
    _by_leading_word,
    _by_bad_state_line,
    _by_negation_or_recovery,
    _by_bad_words,
    _by_good_state_line,
    _by_other_words,
)


def severity_of_name(name: str) -> Severity:
    """Return the severity of an event name written as one word: `ElastiCache:SnapshotFailed`."""
    spaced = re.sub(r"[_:.-]|(?<=[a-z])(?=[A-Z])", " ", name)
    return worst([severity_of_text(spaced), severity_of_word(name)])


def _words(key: str, value: object) -> Iterator[str]:
    """Yield the states, results or severities under a key: a text, a list of texts, or an object with it."""
    if not _plain(key).endswith(STATES):
        return
    for word in [value] if isinstance(value, str) else _named(value):
        if len(word) <= MAX_WORD_CHARACTERS:
            yield word


def _named(value: object) -> list[str]:
    if isinstance(value, list):
        return [each for each in value if isinstance(each, str)]
    names = ("label", "Label", "description", "name", "value", "Value")
    return [value[name] for name in names if isinstance(value.get(name), str)] if isinstance(value, dict) else []


def _is_name(value: object, key: str, keys: frozenset[str]) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= MAX_WORD_CHARACTERS and _plain(key) in keys


def _is_error(key: str, value: object) -> bool:
    name = _plain(key)
    if name in ERROR_OBJECTS and isinstance(value, (dict, list)):
        return bool(value)
    if name in ERRORS or name.endswith(ERROR_ENDS):
        return isinstance(value, str) and _normalized(value) not in NO_ERROR
    if isinstance(value, bool):
        return name in (TRUE_IF_BAD if value else FALSE_IF_BAD)
    return name == "exitcode" and isinstance(value, int) and value != 0


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _normalized(word: str) -> str:
    """Return a word in normalized spelling: upper case, with its parts joined by underscores."""
    return re.sub(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", "_", word.strip()).upper()
