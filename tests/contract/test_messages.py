"""Every message that a job can publish is parsed and rendered: what one side writes, the other reads."""

from __future__ import annotations

import json
import re
from zoneinfo import ZoneInfo

import pytest
from factories import alarm_text, sns_event
from own_messages import EVERY_MESSAGE, cleanup_summary

from joytify_common.messages import Message
from joytify_discord.envelopes import parse_event
from joytify_discord.limits import payloads
from joytify_discord.rendering.dispatch import render
from joytify_local.discord_validation import check

NO_TEXT = re.compile(r"\b(None|NaN|nan|undefined|null)\b")
UTC = ZoneInfo("UTC")


@pytest.mark.parametrize("message", EVERY_MESSAGE.values(), ids=EVERY_MESSAGE)
def test_discord_renders_every_message_that_a_job_can_publish(message: Message) -> None:
    (received,) = parse_event(sns_event(message.model_dump_json()))

    assert received.content == message
    (payload,) = payloads([render(received, UTC)])
    assert check(payload.body) is None
    assert not NO_TEXT.search(json.dumps(payload.body, ensure_ascii=False).replace('"parse": []', ""))


@pytest.mark.parametrize("message", EVERY_MESSAGE.values(), ids=EVERY_MESSAGE)
def test_the_title_tells_a_failure_from_a_success(message: Message) -> None:
    (received,) = parse_event(sns_event(message.model_dump_json()))
    title = render(received, UTC).title

    assert ("failed" in title and title.startswith("❌")) == message.type.endswith("_error")


@pytest.mark.parametrize("message", EVERY_MESSAGE.values(), ids=EVERY_MESSAGE)
def test_the_envelope_has_the_keys_of_the_contract(message: Message) -> None:
    told = json.loads(message.model_dump_json())

    assert set(told) == {"schema", "source", "type", "data"}
    assert told["schema"] == 1
    assert {"timestamp", "executionTimeMs", "testMode", "requestId", "logStream"} <= set(told["data"])
    assert all(re.fullmatch("[a-z][A-Za-z]*", key) for key in told["data"])


def test_a_cloudwatch_alarm_is_shown() -> None:
    (received,) = parse_event(sns_event(alarm_text(AlarmDescription=None)))

    (payload,) = payloads([render(received, UTC)])
    assert check(payload.body) is None
    assert not NO_TEXT.search(json.dumps(payload.body))


def test_a_message_with_a_stop_reason_of_another_version_is_parsed_and_rendered() -> None:
    """Messages of different versions are shown.

    While `terraform apply` is updating the functions, discord may be newer or older than the function that publishes.
    """
    message = cleanup_summary(dry_run=True, stop_reason="brake", total_records_found=7)

    (received,) = parse_event(sns_event(message.model_dump_json()))

    assert received.content == message
    assert "dry run, 7 records" in render(received, UTC).title
