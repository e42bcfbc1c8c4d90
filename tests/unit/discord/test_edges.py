"""Malicious messages, and messages that contain secrets."""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
from zoneinfo import ZoneInfo

import pytest
from factories import sns_event

from joytify_discord.envelopes import parse_event
from joytify_discord.limits import payloads
from joytify_discord.rendering.dispatch import render

LARGEST = 256 * 1024


def posted(text: str) -> str:
    """Return all that Discord would get, as text."""
    made = payloads([render(one, ZoneInfo("UTC")) for one in parse_event(sns_event(text))])
    return "".join(json.dumps(payload.message(), ensure_ascii=False) + payload.attachment for payload in made)


def nested(depth: int, width: int) -> str:
    """Return JSON of many values, all of them deep inside."""
    return "[" * depth + ",".join(["1"] * width) + "]" * depth


@pytest.mark.parametrize(
    "text",
    [
        nested(900, 120_000),
        nested(100_000, 1),
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        json.dumps({"detail-type": "Odd", "detail": {"a": json.loads(nested(400, 60_000))}, "source": "x"}),
        json.dumps({"AlarmName": "a", "NewStateValue": "ALARM", "Trigger": {"x": json.loads(nested(400, 60_000))}}),
    ],
    ids=["a list", "brackets", "objects", "an event", "an alarm"],
)
def test_nested_json_takes_memory_in_proportion_to_its_size(text: str) -> None:
    text = text[:LARGEST]
    tracemalloc.start()
    try:
        assert posted(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 100 * len(text)


@pytest.mark.parametrize(
    "address",
    [
        "https://console.aws.amazon.com.evil.example/cost",
        "https://evil.example/https://console.aws.amazon.com/",
        "https://console.aws.amazon.com@evil.example/",
        "https://evil.s3.amazonaws.com/console.aws.amazon.com/login",
        "https://console.aws.amazon.com\\@evil.example/",
        "http://console.aws.amazon.com/cost",
        "javascript:alert(1)",
    ],
)
@pytest.mark.parametrize(
    "message",
    [
        {"accountId": "1", "anomalyId": "a", "anomalyStartDate": "2026-11-01", "impact": {"totalImpact": 5}},
        {
            "Event Source": "db-instance",
            "Event Time": "2026-11-01 02:00:00.000",
            "Source ID": "db",
            "Event ID": "RDS-1",
        },
    ],
    ids=["a cost anomaly", "a database"],
)
def test_a_title_leads_to_awss_consoles_only(message: dict[str, object], address: str) -> None:
    told = {**message, "anomalyDetailsLink": address, "Identifier Link": address, "Event Message": "odd"}
    made = payloads([render(one, ZoneInfo("UTC")) for one in parse_event(sns_event(json.dumps(told)))])

    assert [embed.get("url") for payload in made for embed in payload.body["embeds"]] == [None]


@pytest.mark.parametrize(
    "message",
    [
        {"approval": {"pipelineName": "p", "stageName": "s", "actionName": "a", "token": "t0p-s3cret"}, "odd": [1]},
        {"consoleLink": "x", "approval": {"token": "t0p-s3cret"}},
        {"detail-type": "Odd", "detail": {"taskToken": "t0p-s3cret", "Password": "t0p-s3cret"}},
        [{"Authorization": "t0p-s3cret"}],
        {"body": json.dumps({"Message": json.dumps({"taskToken": "t0p-s3cret", "clientSecret": 'a"b\\t0p-s3cret'})})},
        {"Type": "Notification", "MessageId": "1", "Message": json.dumps({"token": "t0p-s3cret"})},
        {"password": {"value": "t0p-s3cret"}, "secret": ["a", "t0p-s3cret"]},
        {"body": json.dumps({"api_key": {"is": "t0p-s3cret"}})},
        {"SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t0p-s3cret"},
        {"body": json.dumps({"link": "https://example.com/get?X-Amz-Signature=t0p-s3cret&page=1"})},
        {"link": "https://example.com/get?a=1&amp;Token=t0p-s3cret#access_token=t0p-s3cret"},
    ],
    ids=str,
)
def test_tokens_and_passwords_are_not_shown(message: object) -> None:
    assert "t0p-s3cret" not in posted(json.dumps(message))


def test_a_token_under_an_escaped_key_is_not_attached() -> None:
    """The key is only recognizable as `token` after the JSON is decoded."""
    approval = json.dumps({"customData": "x" * 9000, "pipelineName": "p", "token": "t0p-s3cret"})
    message = f'{{"consoleLink": "x", "approval": {approval}}}'.replace('"token"', '"\\u0074oken"')

    assert "t0p-s3cret" not in posted(message)


def test_a_secret_in_packed_log_lines_is_neither_shown_nor_attached() -> None:
    lines = [{"message": json.dumps({"password": "t0p-s3cret", "filler": "x" * 900})} for _ in range(20)]
    logs = {"logGroup": "app", "logEvents": lines}
    packed = base64.b64encode(gzip.compress(json.dumps(logs).encode())).decode()

    shown = posted(json.dumps({"awslogs": {"data": packed}}))

    assert "filler" in shown
    assert "t0p-s3cret" not in shown


def test_a_secret_is_hidden_even_if_spaces_surround_the_colon() -> None:
    assert "t0p-s3cret" not in posted(f'{{"password"{" " * 40}:{" " * 40}"t0p-s3cret", "odd": 1}}')


def test_a_numeric_token_is_hidden_and_other_numbers_are_shown() -> None:
    shown = posted(json.dumps({"mfaToken": 481516, "isToken": True, "count": 2342}))

    assert "481516" not in shown
    assert "2342" in shown
