"""Whatever arrives goes to Discord: parsed, rendered and within every limit, on hypothesis' worst."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factories import EVERY_MESSAGE, alarm_text, sns_event
from hypothesis import given
from hypothesis import strategies as st

from joytify_discord.limits import payloads
from joytify_discord.parsing import parse_event
from joytify_discord.rendering.dispatch import render
from joytify_local.discord_model import check

# Half surrogate pairs too, which JSON can name and UTF-8 cannot carry.
text = st.text(st.characters(codec=None, exclude_categories=()), max_size=200) | st.sampled_from(
    ["@everyone", "x" * 9000]
)
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**30, 10**35) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)


def posted(message: str) -> list[dict[str, Any]]:
    """Return what Discord gets for a message, after checking that it takes it."""
    zone = ZoneInfo("Asia/Taipei")
    made = list(payloads([render(received, zone) for received in parse_event(sns_event(message))]))
    assert [check(json.loads(json.dumps(one, ensure_ascii=False).encode())) for one in made] == [None] * len(made)
    assert all(one["allowed_mentions"] == {"parse": []} for one in made)
    return made


@given(text | st.builds(json.dumps, odd))
def test_any_text_and_any_json_is_posted(message: str) -> None:
    assert len(posted(message)) == 1


@given(st.sampled_from(list(EVERY_MESSAGE.values())), st.data())
def test_our_own_messages_with_odd_figures_are_posted(message: Any, data: st.DataObject) -> None:
    told = json.loads(message.to_json())
    key = data.draw(st.sampled_from(sorted(told["data"])))
    told["data"][key] = data.draw(odd)

    assert len(posted(json.dumps(told))) == 1


@given(st.sampled_from(sorted(json.loads(alarm_text()))), odd)
def test_alarms_with_odd_values_are_posted(key: str, value: Any) -> None:
    assert len(posted(alarm_text(**{key: value}))) == 1


@pytest.mark.parametrize(
    "message",
    [
        '{"a": "\\ud800"}',
        alarm_text(StateChangeTime="9999-12-31T23:59:59Z"),
        alarm_text(NewStateReason="\ud800"),
        EVERY_MESSAGE["cleanup"].to_json().replace('"executionTimeMs":61234', '"executionTimeMs":1' + "0" * 400),
        "x" * 1_000_000,
        "[" * 5000 + "]" * 5000,
    ],
    ids=["half a pair", "year 9999", "half a pair in a reason", "400 digits", "a megabyte", "deeply nested"],
)
def test_what_once_lost_a_message_is_posted(message: str) -> None:
    assert len(posted(message)) == 1
