"""Each sample AWS message is rendered with the right severity, account, region and link."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from aws_messages import CASES, Case, alarm, alarm_event, event

from joytify_discord.embed import FAILURE, WARNING
from joytify_discord.envelopes import parse_event
from joytify_discord.limits import payloads
from joytify_discord.rendering.dispatch import render

UTC = ZoneInfo("UTC")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_an_aws_message_is_rendered_with_severity_origin_and_link(case: Case) -> None:
    (received,) = parse_event(case.envelope())
    embed = render(received, UTC)
    (payload,) = payloads([embed])
    shown = payload.body["embeds"][0]
    text = json.dumps(shown, ensure_ascii=False).replace('\\"', '"').replace("\\\\", "\\")

    assert shown["title"].startswith(case.severity.symbol), shown["title"]
    assert embed.is_alert == (case.severity in {FAILURE, WARNING})
    assert [word for word in case.shows if word not in text] == []
    assert [word for word in case.hides if word in text] == []
    assert shown.get("url", "").startswith(case.url or ""), shown.get("url")
    assert bool(shown.get("url")) == bool(case.url)
    assert case.account in shown["footer"]["text"]
    assert case.region in shown["footer"]["text"]
    assert datetime.fromisoformat(shown["timestamp"]).year == 2026
    # A push notification shows backslashes literally.
    assert "\\" not in shown["title"] + "".join(field["name"] for field in shown.get("fields", []))
    # No machine notation: no whole ARNs, and no times or lists in the notation of Python or JSON.
    values = shown.get("description", "") + "".join(field["value"] for field in shown.get("fields", []))
    # A message in plain text is shown in full, so it may contain ARNs and such notation.
    assert isinstance(case.message, str) or not re.findall(r"arn:aws|\d{4}-\d\d-\d\dT\d\d|\{'|\['|null", values)


def test_an_alarm_belongs_to_the_same_incident_whether_sns_or_eventbridge_sends_it() -> None:
    """SNS gives the time of the change with milliseconds; the EventBridge event's own `time` has whole seconds."""
    at = "2026-11-01T03:04:05.989+0000"
    by_sns, by_event = alarm(StateChangeTime=at), alarm_event("ALARM", "OK")
    by_event["detail"]["state"]["timestamp"] = at

    embeds = [render(parse_event(Case(m, FAILURE, ()).envelope())[0], UTC) for m in (by_sns, by_event)]

    assert embeds[0].incidents.names == embeds[1].incidents.names
    assert embeds[0].timestamp == embeds[1].timestamp == embeds[0].incidents.since == embeds[1].incidents.since


@pytest.mark.parametrize(
    "odd",
    [
        {"AWSAccountId": 111122223333},
        {"Trigger": None},
        {"TriggeringChildren": None},
        {"AlarmArn": None},
        {"NewStateReason": None},
        {"StateChangeTime": "2026-11-01T03:04:05"},
        {"AlarmDescription": ["list"]},
        {"Trigger": {"Metrics": "none", "Dimensions": 5}},
    ],
    ids=["account", "trigger", "children", "ARN", "reason", "time", "description", "metrics"],
)
def test_an_alarm_with_an_odd_field_is_still_rendered_as_an_alarm(odd: dict[str, object]) -> None:
    embed = render(parse_event(Case({**alarm(), **odd}, FAILURE, ()).envelope())[0], UTC)

    assert embed.title == "❌ Alarm: api-errors"
    assert embed.is_alert
    assert embed.incidents.names[0].endswith("api-errors")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 250_000,
        "a='x\n" * 40_000,
        "https://example.com/a <@1> " * 9000,
        json.dumps(event("RDS DB Instance Event", {"SourceIdentifier": "x", "Message": " " * 250_000})),
        json.dumps({"title": " [" * 100_000, "status": "x" * 100_000}),
        " " * 250_000,
    ],
    ids=["brackets", "pairs", "addresses", "spaces in a title", "JSON", "spaces"],
)
def test_rendering_time_is_linear_in_the_length_of_the_text(text: str) -> None:
    """A quadratic algorithm would take minutes for 256 kB, far more than the 5 seconds that the test allows."""
    began = time.monotonic()

    list(payloads([render(parse_event(Case(text, FAILURE, ()).envelope())[0], UTC)]))

    assert time.monotonic() - began < 5


def test_at_least_a_hundred_aws_messages_are_tried() -> None:
    assert len(CASES) >= 100
