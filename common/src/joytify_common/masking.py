"""Mask secrets in every text that leaves the pipeline: in logs, messages and errors."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, unquote

HIDDEN = "**********"
MIN_CHARACTERS = 6
WEBHOOK_TOKEN = re.compile(r"/webhooks/\d+/([^/?]+)")
# A credential in the query string of a URL that is otherwise shown.
QUERY_VALUE = re.compile(r"[?&][^=&#]*(?:key|token|secret|passw|auth|sig)[^=&#]*=([^&#]*)", re.IGNORECASE)
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


def hide_parts(value: str, *, is_shown: bool) -> None:
    """Mask the credentials in the value; mask the whole value too unless it may be shown."""
    if not is_shown:
        hide(value)
    _, _, address = value.partition("//")
    authority = re.split(r"[/?#]", address, maxsplit=1)[0]
    # A password that was not percent-encoded may contain `@`, or one of `/?#`.
    address = authority if "@" in authority else address
    for at in re.finditer("@", address):
        userinfo = address[: at.start()]
        hide(userinfo.partition(":")[2])
        # A token may take the place of the user name.
        if is_shown:
            hide(userinfo)
    for part in WEBHOOK_TOKEN.findall(value) + (QUERY_VALUE.findall(value) if is_shown else []):
        hide(part)


def clean(text: str) -> str:
    """Return the text with every hidden value replaced."""
    # Longest first: a connection string contains its password, and must be masked as a whole.
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def clean_json(value: object) -> object:
    """Return a JSON-compatible copy of a value, with every text in it cleaned."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {clean(str(key)): clean_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(each) for each in value]
    return clean(str(value))
