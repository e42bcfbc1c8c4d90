"""Rendered Markdown is checked with an independent parser of Discord's dialect."""

from __future__ import annotations

import html
import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aws_messages import CASES
from own_messages import EVERY_MESSAGE

from joytify_discord.rendering.markdown import label, markdown
from joytify_discord.rendering.text import Authored
from joytify_local.discord_page import markdown as on_the_page

FOLDER = Path(__file__).parents[2] / "build" / "markdown"
UTC = ZoneInfo("UTC")
SIGNS = [
    "*",
    "**",
    "_",
    "__",
    "`",
    "```",
    "~",
    "~~",
    "|",
    "||",
    "<",
    ">",
    "@",
    "#",
    "-",
    "[",
    "]",
    "(",
    ")",
    "\\",
    ":",
    "!",
]
WORDS = [
    "a",
    "b1",
    " ",
    "  ",
    "\n",
    ".",
    "everyone",
    "here",
    "@everyone",
    "<@1>",
    "<#2>",
    "<:x:3>",
    "<t:1>",
    "snake_case",
]
WORDS += ["https://example.com/a_b*c*d", "arn:aws:s3:::a-b/c_d", "# ", "> ", "-# ", "5", "😀", "é", "x@example.com"]
RANDOM_TEXTS = 4000

# `make test` needs npm for nothing else; bin/lib.sh says on the console if these tests are skipped.
pytestmark = pytest.mark.skipif(
    not (FOLDER / "node_modules").is_dir(), reason="the parser of Discord's Markdown is not installed: it needs npm"
)


def read(texts: list[str]) -> list[str]:
    """Return each text as Discord would show it; formatting is returned as {kind:text}."""
    node = shutil.which("node")
    assert node is not None
    result = subprocess.run(
        [node, str(FOLDER / "read.js")], input=json.dumps(texts), capture_output=True, text=True, check=True, cwd=FOLDER
    )
    shown: list[str] = json.loads(result.stdout)
    return shown


def texts() -> list[str]:
    """Return AWS' messages, our own messages, and random texts of Discord's formatting characters."""
    chance = random.Random(20261101)  # noqa: S311 - texts, not secrets
    made = ["".join(chance.choices(SIGNS + WORDS, k=chance.randint(1, 12))) for _ in range(RANDOM_TEXTS)]
    real = [case.message if isinstance(case.message, str) else json.dumps(case.message) for case in CASES.values()]
    return [
        text
        for text in (*made, *real, *(message.model_dump_json() for message in EVERY_MESSAGE.values()))
        if text.strip()
    ]


def lines(text: str) -> str:
    """Return the text without the spaces around its lines, which Discord does not show."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


def test_a_text_is_shown_as_it_stands() -> None:
    given = texts()

    shown = read([markdown(text, UTC) for text in given])

    # `markdown` may add a space after a URL: ignore it.
    wrong = [
        (text, was)
        for text, was in zip(given, shown, strict=True)
        if lines(text).replace(" <", "<") != lines(was).replace(" <", "<")
    ]
    assert wrong[:5] == []


def test_a_title_contains_no_formatting_and_no_backslashes() -> None:
    given = [label(text.replace("\n", " ")) for text in texts()]

    shown = read(given)

    wrong = [(text, was) for text, was in zip(given, shown, strict=True) if lines(text) != lines(was)]
    assert wrong[:5] == []


def test_markdown_written_on_purpose_is_rendered_but_mentions_are_not() -> None:
    written = markdown(Authored("**Look** at [it](https://example.com), <@1> @everyone"), UTC)

    assert read([written]) == ["{strong:Look} at {link:it}, <@1> @everyone"]


def test_the_local_page_shows_a_post_as_discords_parser_reads_it() -> None:
    given = [markdown(text, UTC) for text in texts()]
    given += [
        "**bold** `a_b` ~~no~~ [log](https://example.com/a_b*c*d) <https://example.com>",
        "&amp; ![x](https://a.b)",
    ]

    shown = [html.unescape(re.sub(r"<[^>]*>", "", on_the_page(text))) for text in given]

    parsed = [
        re.sub(r"\{\w+:(.*?)\}", r"\1", was) if text in given[-2:] else was
        for text, was in zip(given, read(given), strict=True)
    ]
    wrong = [(text, page) for text, page, was in zip(given, shown, parsed, strict=True) if lines(page) != lines(was)]
    assert wrong[:5] == []
