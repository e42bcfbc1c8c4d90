"""Write Discord's Markdown: external text is shown literally and mentions nobody.

Only characters that would take effect are escaped, so that URLs stay links and identifiers stay
readable. Titles and field names appear in push notifications, which show backslashes, so look-alike
characters replace formatting characters there.
The rules are those of Discord's own dialect, not of CommonMark:
https://support.discord.com/hc/en-us/articles/210298617-Markdown-Text-101-Chat-Formatting-Bold-Italic-Underline
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import cast
from zoneinfo import ZoneInfo

from joytify_discord.embed import Embed, Field
from joytify_discord.rendering.draft import Draft
from joytify_discord.rendering.links import console_only
from joytify_discord.rendering.text import Authored, Text, Time

# Text is first cut to this length, to limit the run time of the regular expressions; Discord shows less anyway.
MAX_CHARACTERS = 6000
# Text that Discord recognizes as a URL.
ADDRESS = re.compile(r"https?://[^\s<]+[^<.,:;\"'\]\s]")
ADDRESS_AND_PUNCTUATION = re.compile(ADDRESS.pattern + r"[.,:;\"'\]]*")
EFFECTIVE = re.compile(
    r"""
      \\(?=[^0-9A-Za-z\s])                        # a backslash, which Discord hides before punctuation
    | \*(?=\S) | (?<=\S)\*                        # emphasis opens before text and closes after it
    | _(?=_) | (?<=_)_ | (?<![^\W_])_ | _(?![^\W_])   # a single _ within a word has no effect
    | `
    | ~(?=~) | (?<=~)~
    | \|(?=\|) | (?<=\|)\|
    | <(?=\S)                                     # mentions, emoji, times, addresses
    | @(?=everyone|here)
    | ^[ \t]*(?:\#{1,3}|>{1,3}|-\#)(?=[ \t])        # headings, quotes
    """,
    re.VERBOSE | re.MULTILINE,
)
# In a text with `](`, any bracket may open a masked link.
OR_BRACKET = re.compile(EFFECTIVE.pattern + r"| \[", re.VERBOSE | re.MULTILINE)
MENTION = re.compile(r"<(?=[@#])|@(?=everyone|here)")
LOOK_ALIKES = str.maketrans("\\*_`~|<@[#>", "∖∗＿ˋ∼ǀ‹＠［＃›")  # noqa: RUF001 - shown instead


def written(draft: Draft, zone: ZoneInfo) -> Embed[str]:
    """Return the embed in Discord's Markdown.

    Args:
        draft: output of a renderer.
        zone: the operators' time zone, for times that are shown next to Discord's own timestamps.
    """
    heading = f"{draft.severity.symbol} {draft.title}"
    # The footer stays as it is: Discord shows it literally.
    embed = replace(
        draft,
        title=label(heading),
        description=markdown(draft.description, zone),
        fields=[Field(label(f.name), markdown(f.value, zone), f.inline) for f in draft.fields],
        url=console_only(draft.url),
    )
    return cast("Embed[str]", embed)


def markdown(text: Text, zone: ZoneInfo) -> str:
    """Return the text in Discord's Markdown."""
    match text:
        case Time(at=at):
            return f"<t:{int(at.timestamp())}:R> ({at.astimezone(zone):%Y-%m-%d %H:%M %Z})"
        case Authored(text=written_by_a_person):
            return MENTION.sub(lambda match: "\\" + match.group(), written_by_a_person[:MAX_CHARACTERS])
        case str():
            return _escaped(text[:MAX_CHARACTERS])


def label(text: str) -> str:
    """Return the text of a title or field name, with look-alikes instead of formatting characters."""
    return _outside_addresses(text[:MAX_CHARACTERS], lambda match: match.group().translate(LOOK_ALIKES))


def _escaped(text: str) -> str:
    ends = {match.end() for match in ADDRESS_AND_PUNCTUATION.finditer(text)}

    def escape(match: re.Match[str]) -> str:
        # Directly after a URL, a backslash would become part of the URL.
        space = " " if match.start() in ends else ""
        return space + re.sub(r"(\S)", r"\\\1", match.group(), count=1)

    return _outside_addresses(text, escape)


def _outside_addresses(text: str, replace: Callable[[re.Match[str]], str]) -> str:
    shown: list[str] = []
    end = 0
    # Search the whole text, so that a pattern sees the characters next to a URL.
    taken = [match.span() for match in ADDRESS.finditer(text)]
    for match in (OR_BRACKET if "](" in text else EFFECTIVE).finditer(text):
        if any(start <= match.start() < stop for start, stop in taken):
            continue
        shown += [text[end : match.start()], replace(match)]
        end = match.end()
    return "".join([*shown, text[end:]])
