"""Determine the severity of an AWS message from its words for states, results and severities.

These rules are for all kinds; a kind overrides them only if its words have another meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

from joytify_discord.embed import FAILURE, INFORMATION, SUCCESS, WARNING, Severity
from joytify_discord.rendering import vocabulary as known

DEPTH = 6
MAX_ENTRIES = 50
MAX_WORD_CHARACTERS = 60
JUDGED_CHARACTERS = 2000

# Of several severities, the last in this order wins: a stated success says more than no state.
ORDER = (INFORMATION, SUCCESS, WARNING, FAILURE)


def severity_of(value: object, depth: int = DEPTH) -> Severity:
    """Return how bad a message is, from its states, results, severities, errors and event names; else INFORMATION.

    Anything resolved, archived, passed or closed is not an alert, whatever else the message says about it.
    """
    if isinstance(value, list) and depth:
        return worst(severity_of(entry, depth - 1) for entry in value[:MAX_ENTRIES] if isinstance(entry, (dict, list)))
    if not isinstance(value, dict) or not depth:
        return INFORMATION
    present = _about_present(value)
    words = [word for key, inner in present for word in _words(key, inner)]
    if closed := next((word for word in words if _normalized(word) in known.CLOSED), ""):
        return SUCCESS.because(f"state: {closed}")
    names = [inner for key, inner in present if _is_name(inner, key, known.NAMES)]
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
    present = _about_present(value)
    own = [
        severity_of_text(text)
        for key, text in present
        if isinstance(text, str) and plain(key).endswith(known.SENTENCES)
    ]
    return worst([*own, *(severity_of_sentences(inner, depth - 1) for _, inner in present)])


def _about_present(value: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(str(key), inner) for key, inner in list(value.items())[:MAX_ENTRIES] if not known.EARLIER.match(str(key))]


def ending_of(value: Mapping[str, object]) -> str:
    """Return the word in an object that says that its incident is over.

    Empty if there is no such word, or if the object also contains an error. A failed state outweighs all such words
    except those in `known.OVER`.
    """
    present = _about_present(value)
    if any(_is_error(key, inner) for key, inner in present):
        return ""
    words = [(key, word) for key, inner in present for word in _words(key, inner)]
    if over := next((word for _, word in words if _normalized(word) in known.OVER), ""):
        return over
    # Skip keys that state the importance of an incident: their value may still be "high" after the incident has ended.
    states = [(key, _of_word(_normalized(word)), word) for key, word in words if not plain(key).endswith(known.LEVELS)]
    if any(severity == FAILURE for _, severity, _ in states):
        return ""
    good = (word for key, severity, word in states if severity == SUCCESS and known.PRESENT_STATE.fullmatch(plain(key)))
    if over := next(good, ""):
        return over
    names = [inner for key, inner in present if _is_name(inner, key, known.ENDING_NAMES)]
    return next((name for name in names if _ends_an_incident(name)), "")


def _ends_an_incident(name: str) -> bool:
    parts = re.split(r"[_:.]", _normalized(name))
    is_about_an_incident = len(parts) == 1 or not known.INCIDENTS.isdisjoint(parts)
    return (
        is_about_an_incident
        and not known.OVER_IN_NAME.isdisjoint((parts[0], parts[-1]))
        and known.NEGATIONS.isdisjoint(parts)
    )


def worst(severities: Iterable[Severity]) -> Severity:
    """Return the worst severity; INFORMATION if there is none."""
    return max(severities, key=ORDER.index, default=INFORMATION)


def severity_of_word(word: str) -> Severity:
    """Return the severity of an AWS status word, in any spelling: `FAILED`, `ExecutionTimedOut`."""
    return _of_word(_normalized(word)).because(f"state: {word}")


def _of_word(word: str) -> Severity:
    parts = word.split("_")
    is_down = parts[-1] == "DOWN" and not (len(parts) > 1 and parts[-2] in known.ORDERLY_DOWN)
    if is_down or word.endswith(known.TIMEOUTS):
        return FAILURE
    found = (
        severity
        for severity in (FAILURE, WARNING, SUCCESS)
        if word in known.WORDS[severity]
        or parts[-1] in known.ENDS[severity]
        or not known.PARTS[severity].isdisjoint(parts)
    )
    return next(found, INFORMATION)


def severity_of_text(text: str) -> Severity:
    """Return the severity of a text: by its first word, its states, negations or other words."""
    text = text[:JUDGED_CHARACTERS]
    stated, considered = (
        worst(map(severity_of_word, known.STATE_LINE.findall(text))),
        known.IGNORED_PHRASES.sub("", text),
    )
    return (
        _by_leading_word(text)
        or (stated if stated in {WARNING, FAILURE} else None)
        or _first_match(((FAILURE, "negation", known.NOT_GOOD), (SUCCESS, "recovery", known.RECOVERED)), text)
        or _first_match(((FAILURE, "word", known.BAD_IN_TEXT), (WARNING, "word", known.DOUBTFUL_IN_TEXT)), considered)
        or (stated if stated == SUCCESS else None)
        or _first_match(((WARNING, "word", known.NOTICE_IN_TEXT), (SUCCESS, "word", known.GOOD_IN_TEXT)), considered)
        or INFORMATION
    )


def _by_leading_word(text: str) -> Severity | None:
    # The first line may be the subject or title, so examine the first line of the message too.
    for line in text.split("\n")[:2]:
        match = known.LEADING_WORD.match(line)
        leading = next(filter(None, match.groups()), "") if match else ""
        for word in map(str.upper, (leading, *known.BRACKETED.findall(line))):
            if word in known.LEADING:
                return known.LEADING[word].because(f"leading word: {word}")
    return None


def _first_match(rules: Iterable[tuple[Severity, str, re.Pattern[str]]], text: str) -> Severity | None:
    found = ((severity, name, pattern.search(text)) for severity, name, pattern in rules)
    return next((severity.because(f"{name}: {match.group()}") for severity, name, match in found if match), None)


def severity_of_name(name: str) -> Severity:
    """Return the severity of an event name written as one word: `ElastiCache:SnapshotFailed`."""
    spaced = re.sub(r"[_:.-]|(?<=[a-z])(?=[A-Z])", " ", name)
    return worst([severity_of_text(spaced), severity_of_word(name)])


def _words(key: str, value: object) -> Iterator[str]:
    """Yield the states, results or severities under a key: the value, or the names in an object or a list."""
    if not plain(key).endswith(known.STATES):
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
    return isinstance(value, str) and len(value) <= MAX_WORD_CHARACTERS and plain(key) in keys


def _is_error(key: str, value: object) -> bool:
    name = plain(key)
    if name in known.ERROR_OBJECTS and isinstance(value, (dict, list)):
        return bool(value)
    if name in known.ERRORS or name.endswith(known.ERROR_ENDS):
        return isinstance(value, str) and _normalized(value) not in known.NO_ERROR
    if isinstance(value, bool):
        return name in (known.TRUE_IF_BAD if value else known.FALSE_IF_BAD)
    return name == "exitcode" and isinstance(value, int) and value != 0


def plain(key: str) -> str:
    """Return the letters of a key, in lower case."""
    return re.sub(r"[^a-z]", "", key.lower())


def _normalized(word: str) -> str:
    """Return a word in normalized spelling: upper case, with its parts joined by underscores."""
    return re.sub(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", "_", word.strip()).upper()
