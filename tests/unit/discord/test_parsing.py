from __future__ import annotations

import json
from typing import Any

import pytest
from factories import alarm_text, sns_event
from hypothesis import given
from hypothesis import strategies as st
from own_messages import cleanup_summary, stats_summary

from joytify_common.messages import CleanupSummary, MonthlyStatsSummary
from joytify_discord.aws_notation import Place
from joytify_discord.envelopes import parse_event
from joytify_discord.parsing import Alarm, Unknown, parse_text

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)
sns_like = st.fixed_dictionaries(
    {
        "Records": st.lists(
            st.fixed_dictionaries({"Sns": st.dictionaries(st.sampled_from(["Message", "TopicArn"]), json_values)})
        )
    }
)


def test_every_record_is_parsed_in_order() -> None:
    event = sns_event(
        cleanup_summary().model_dump_json(), alarm_text(), "plain text", stats_summary().model_dump_json()
    )

    contents = [received.content for received in parse_event(event)]

    assert [type(content) for content in contents] == [CleanupSummary, Alarm, Unknown, MonthlyStatsSummary]


def test_the_envelope_tells_where_a_message_comes_from() -> None:
    (received,) = parse_event(sns_event("text", subject="Hello"))

    assert received.origin.place == Place("ap-northeast-1", "123456789012")
    assert received.origin.subject == "Hello"


def test_each_object_of_a_short_list_is_a_message() -> None:
    alarm, other = json.loads(alarm_text()), {"Message": "the disk is full"}
    listed = parse_event([alarm, {"Type": "Notification", "TopicArn": "t", **other}, {"body": "queued"}])
    assert [type(each.content) for each in listed] == [Alarm, Unknown, Unknown]
    assert [each.text for each in listed[1:]] == ["the disk is full", "queued"]


def test_a_long_list_or_a_list_with_values_other_than_objects_is_one_message() -> None:
    for listed in ([], [1], [{}, 1], [{"n": number} for number in range(11)]):
        (received,) = parse_event(listed)
        assert json.loads(received.text) == listed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        '"text"',
        '"AlarmName"',
        "null",
        "1",
        "[]",
        "{",
        '{"type": []}',
        '{"type": "cleanup_summary"}',
        '{"AlarmName": 1, "NewStateValue": 2}',
        "[" * 100_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_odd_text_is_unknown_and_its_json_is_kept(text: str) -> None:
    assert parse_text(text) == Unknown(_value(text))


@given(json_values | sns_like)
def test_no_event_raises_and_each_record_gives_something(event: Any) -> None:
    received = parse_event(event)

    records = event.get("Records") if isinstance(event, dict) else None
    # An event without a list of records may contain any number of messages, but at least one.
    assert len(received) == len(records) if isinstance(records, list) else received


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
