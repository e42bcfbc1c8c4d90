"""Mask secrets in every text that leaves the pipeline: in logs, messages and errors."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

HIDDEN = "**********"
MIN_CHARACTERS = 6
_secrets: set[str] = set()


def hide(value: str) -> None:
    """Mask this text from now on, in log lines and in every text that `clean` returns.

    Its stripped, URL-decoded and escaped forms (Python, JSON, URL) are masked as well, since an
    error may quote any of them. Text of fewer than six characters is not masked, since it would
    match everywhere.
    """
    for text in {value, value.strip(), unquote(value.strip())}:
        quoted = (repr(text)[1:-1], repr(text.encode(errors="surrogatepass"))[2:-1], json.dumps(text)[1:-1])
        for spelling in {text, *quoted, quote(text, safe=""), quote(text)}:
            if len(spelling) >= MIN_CHARACTERS:
                _secrets.add(spelling)


def clean(text: str) -> str:
    """Return the text with every hidden value replaced."""
    # Longest first: a connection string contains its password, and must be masked as a whole.
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def cleaned(value: object) -> object:
    """Return a JSON-compatible copy of a value, with every text in it cleaned."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(each) for each in value]
    return clean(str(value))
