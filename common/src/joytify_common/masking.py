"""Secrets are masked wherever a text leaves the pipeline: in logs, messages and errors."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

HIDDEN = "**********"
LEAST_CHARACTERS = 6
_secrets: set[str] = set()


def hide(value: str) -> None:
    """Never show this text again: not in a log line, nor in a text cleaned by `clean`.

    Whoever quotes it may have stripped or decoded it, or written it as Python, JSON or a URL does. A text of less than
    six characters is no secret, and would be found everywhere.
    """
    for text in {value, value.strip(), unquote(value.strip())}:
        quoted = (repr(text)[1:-1], repr(text.encode(errors="surrogatepass"))[2:-1], json.dumps(text)[1:-1])
        for spelling in {text, *quoted, quote(text, safe=""), quote(text)}:
            if len(spelling) >= LEAST_CHARACTERS:
                _secrets.add(spelling)


def clean(text: str) -> str:
    """Return the text with every hidden value replaced."""
    # A password is part of its connection string, and must be masked alone only if it appears alone.
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def cleaned(value: object) -> object:
    """Return a value as JSON has it, every text in it cleaned; nothing else is changed."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each) for each in value]
    return clean(str(value))
