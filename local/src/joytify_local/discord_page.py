"""The page that shows every post as Discord would: Markdown, times, attachments, edits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, select_autoescape
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup

# Discord's inline rules that CommonMark lacks or defines differently, in the order in which they are tried.
# <t:1700000000:R>: https://discord.com/developers/docs/reference#message-formatting-timestamp-styles
RULES = {
    "timestamp": re.compile(r"<t:(-?\d{1,11})(?::[tTdDfFR])?>"),
    "address": re.compile(r"(https?://[^\s<]+[^<.,:;\"'\]\s])"),
    "escape": re.compile(r"\\([^0-9A-Za-z\s])"),
}
MARKDOWN_IT_RULES = ["autolink", "backticks", "emphasis", "link", "strikethrough"]


def page_of(messages: Sequence[dict[str, Any]]) -> str:
    """Return the page as HTML."""
    return str(_template().render(messages=messages))


def markdown(text: str) -> Markup:
    """Return the text, which is in Discord's Markdown, as HTML. HTML inside the text is escaped."""
    return Markup(_markdown().renderInline(text))  # noqa: S704 - the Markdown library escapes the text


@cache
def _markdown() -> MarkdownIt:
    # CommonMark's rule for text would swallow the start of an address.
    parser = MarkdownIt("zero").enable(MARKDOWN_IT_RULES).disable(["text", "escape"])
    for name in RULES:
        parser.inline.ruler.before("backticks", f"discord_{name}", _rule(name))
    return parser


def _rule(name: str) -> Any:  # noqa: ANN401 - markdown-it's type of a rule is private
    def matches(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - markdown-it's signature
        found = RULES[name].match(state.src, state.pos)
        if found is None:
            return False
        if not silent:
            _push(state, name, found[1])
        state.pos = found.end()
        return True

    return matches


def _push(state: StateInline, name: str, text: str) -> None:
    tag = {"timestamp": "time", "address": "a"}.get(name)
    shown = _time(int(text)) if name == "timestamp" else text
    if tag:
        opened: Token = state.push(f"{name}_open", tag, 1)
        opened.attrs = {"href": text} if name == "address" else {}
    state.push("text", "", 0).content = shown
    if tag:
        state.push(f"{name}_close", tag, -1)


def _time(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%-d %B %Y %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "Invalid date"


@cache
def _template() -> Any:  # noqa: ANN401 - jinja2's Template is not generic over what it renders
    source = files("joytify_local").joinpath("discord.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=select_autoescape(default=True))
    environment.filters["markdown"] = markdown
    return environment.from_string(source)
