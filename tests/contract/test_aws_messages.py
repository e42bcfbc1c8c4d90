"""Every message of AWS in the table is shown for what it is: how bad, of which account and region, with a link."""

from __future__ import annotations

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from aws_messages import CASES, Case

from joytify_discord.limits import payloads
from joytify_discord.parsing import parse_event
from joytify_discord.rendering.dispatch import render
from joytify_discord.rendering.style import FAILURE, WARNING

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_shown_for_what_it_is(case: Case) -> None:
    (received,) = parse_event(case.envelope())
    embed = render(received, UTC)
    (payload,) = payloads([embed])
    shown = payload.body["embeds"][0]
    text = json.dumps(shown, ensure_ascii=False).replace('\\"', '"').replace("\\\\", "\\")

    assert shown["title"].startswith(case.severity.symbol), shown["title"]
    assert embed.is_alert == (case.severity in {FAILURE, WARNING} or "alarmsV2" in embed.url)
    assert [word for word in case.shows if word not in text] == []
    assert [word for word in case.hides if word in text] == []
    assert shown.get("url", "").startswith(case.url or ""), shown.get("url")
    assert bool(shown.get("url")) == bool(case.url)
    assert case.account in shown["footer"]["text"]
    assert case.region in shown["footer"]["text"]
    assert datetime.fromisoformat(shown["timestamp"]).year == 2026
    # What a push notification would show raw.
    assert "\\" not in shown["title"] + "".join(field["name"] for field in shown.get("fields", []))
    # Nothing for machines: whole ARNs, times and lists as Python or JSON write them.
    values = shown.get("description", "") + "".join(field["value"] for field in shown.get("fields", []))
    assert re.findall(r"arn:aws:\w+:\w|\d{4}-\d\d-\d\dT\d\d|\{'|\['|null", _without_sentences(values, case)) == []


def _without_sentences(values: str, case: Case) -> str:
    """Return the values without what AWS wrote for people as a whole sentence."""
    return "" if isinstance(case.message, str) else values


def test_there_are_a_hundred() -> None:
    assert len(CASES) >= 100
