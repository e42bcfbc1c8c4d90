"""The page that shows what was posted as Discord does: Markdown, times, attachments, edits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

# <t:1700000000:R>: https://discord.com/developers/docs/reference#message-formatting-timestamp-styles
TIMESTAMP = re.compile(r"&lt;t:(-?\d{1,12})(?::([tTdDfFR]))?&gt;")


def page_of(messages: Sequence[dict[str, Any]]) -> str:
    """Return the page as HTML."""
    return str(_template().render(messages=messages))


def markdown(text: str) -> Markup:
    """Return the Markdown of a message as HTML; no HTML in it survives."""
    html = _markdown().renderInline(text)
    # What is made here is escaped by the Markdown library, except the times, which are numbers.
    return Markup(TIMESTAMP.sub(_time, html))  # noqa: S704


def _time(match: re.Match[str]) -> str:
    try:
        moment = datetime.fromtimestamp(int(match[1]), UTC)
    except (ValueError, OverflowError, OSError):
        return match[0]
    return f"<time>{moment:%-d %B %Y %H:%M} UTC</time>"


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False, "breaks": True})


@cache
def _template() -> Any:  # noqa: ANN401 - jinja2's Template is not generic over what it renders
    source = files("joytify_local").joinpath("discord.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=select_autoescape(default=True))
    environment.filters["markdown"] = markdown
    return environment.from_string(source)
