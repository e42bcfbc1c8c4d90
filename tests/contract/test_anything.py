"""Any text that hypothesis generates is parsed, rendered and posted within Discord's limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factories import alarm_text, sns_event
from hypothesis import given
from hypothesis import strategies as st
from own_messages import EVERY_MESSAGE

from joytify_discord.envelopes import MAX_LISTED, parse_event
from joytify_discord.limits import ATTACHMENT_BYTES, Payload, payloads
from joytify_discord.rendering.dispatch import render
from joytify_local.discord_validation import check

SAMPLES = {
    path.stem: path.read_text(encoding="utf-8") for path in (Path(__file__).parents[1] / "messages").glob("*.json")
}
# Include lone surrogates, which JSON can express as escapes but UTF-8 cannot encode.
text = st.text(st.characters(codec=None, exclude_categories=()), max_size=200) | st.sampled_from(
    ["@everyone", "x" * 9000]
)
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**30, 10**35) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)


def posted(message: str) -> list[Payload]:
    """Return the payloads for a message, after checking that Discord accepts them."""
    zone = ZoneInfo("Asia/Taipei")
    made = list(payloads([render(received, zone) for received in parse_event(sns_event(message))]))
    bodies = [json.loads(json.dumps(one.body, ensure_ascii=False).encode()) for one in made]
    assert [check(body) for body in bodies] == [None] * len(made)
    assert all(body["allowed_mentions"] == {"parse": []} for body in bodies)
    assert [check(one.plainest().body) for one in made] == [None] * len(made)
    assert all(len(one.attachment.encode()) <= ATTACHMENT_BYTES for one in made)
    return made


@given(text | st.builds(json.dumps, odd))
def test_any_text_and_any_json_is_posted(message: str) -> None:
    """Each object in a list of at most MAX_LISTED objects becomes an embed of its own.

    The embeds may need more than one Discord message.
    """
    assert 1 <= len(posted(message)) <= MAX_LISTED


@given(st.sampled_from(list(EVERY_MESSAGE.values())), st.data())
def test_our_own_messages_with_odd_figures_are_posted(message: Any, data: st.DataObject) -> None:
    told = json.loads(message.model_dump_json())
    key = data.draw(st.sampled_from(sorted(told["data"])))
    told["data"][key] = data.draw(odd)

    assert len(posted(json.dumps(told))) == 1


@given(st.sampled_from(sorted(json.loads(alarm_text()))), odd)
def test_alarms_with_odd_values_are_posted(key: str, value: Any) -> None:
    assert len(posted(alarm_text(**{key: value}))) == 1


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_every_kind_with_odd_values_is_posted(name: str, data: st.DataObject) -> None:
    """Any one value of a sample, at any depth, is replaced by anything."""
    told = json.loads(SAMPLES[name])
    place, key = data.draw(st.sampled_from(list(places({"": told}))))
    place[key] = data.draw(odd)

    assert len(posted(json.dumps({"": told} if key == "" else told))) == 1


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place in a JSON value, as the container and the key."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from places(inner)


@pytest.mark.parametrize(
    "message",
    [
        '{"a": "\\ud800"}',
        alarm_text(StateChangeTime="9999-12-31T23:59:59Z"),
        alarm_text(NewStateReason="\ud800"),
        EVERY_MESSAGE["cleanup"]
        .model_dump_json()
        .replace('"executionTimeMs":61234', '"executionTimeMs":1' + "0" * 400),
        "x" * 1_000_000,
        "[" * 5000 + "]" * 5000,
    ],
    ids=["lone surrogate", "year 9999", "lone surrogate in a reason", "400 digits", "a megabyte", "deeply nested"],
)
def test_inputs_that_once_caused_a_lost_message_are_posted(message: str) -> None:
    assert len(posted(message)) == 1
