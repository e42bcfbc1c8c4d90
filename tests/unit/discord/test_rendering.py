from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factories import alarm_text, sns_event
from own_messages import cleanup_error, cleanup_summary, stats_summary

from joytify_common.messages import Message, Storage
from joytify_discord.aws_notation import Place
from joytify_discord.embed import FAILURE, PARTIAL, SUCCESS, WARNING, Embed, Severity
from joytify_discord.envelopes import parse_event
from joytify_discord.parsing import Origin, Received, parse_text
from joytify_discord.rendering.dispatch import render
from joytify_discord.rendering.json_values import flatten_fields
from joytify_discord.rendering.markdown import label, markdown
from joytify_discord.rendering.text import duration, number, percent, size, time_of

TOKYO = Origin(Place(region="ap-northeast-1", account="123456789012"))


def shown(content: Message | str, origin: Origin = TOKYO) -> Embed[str]:
    text = content if isinstance(content, str) else content.model_dump_json()
    return render(Received(content=parse_text(text), origin=origin, text=text), ZoneInfo("Asia/Taipei"))


@pytest.mark.parametrize(
    ("message", "severity", "title"),
    [
        (cleanup_summary(), SUCCESS, "Cleanup: 66,814 records deleted"),
        (
            cleanup_summary(stop_reason="deadline", remaining_records=5, continued=True),
            PARTIAL,
            "Cleanup: 66,814 records deleted so far, continuing",
        ),
        (cleanup_error(), FAILURE, "Cleanup failed at delete playbacks"),
        (stats_summary(), SUCCESS, "Monthly statistics: 2026-10 sent to 800 users"),
        (
            stats_summary(socket_failures=3),
            WARNING,
            "Monthly statistics: 2026-10 sent to 800 users; some steps failed",
        ),
        (
            stats_summary(users_skipped=3),
            WARNING,
            "Monthly statistics: 2026-10 sent to 800 users; 3 users skipped",
        ),
        (stats_summary(test_mode=True), SUCCESS, "Monthly statistics: 2026-10 sent to 800 users [TEST MODE]"),
    ],
    ids=["success", "partial", "failure", "stats", "stats with a fault", "stats that skipped", "test mode"],
)
def test_the_title_says_what_happened_to_which_job(message: Message, severity: Severity, title: str) -> None:
    embed = shown(message)

    assert embed.title == f"{severity.symbol} {title}"
    assert embed.severity.color == severity.color


@pytest.mark.parametrize(
    ("state", "severity", "word"),
    [("ALARM", FAILURE, "Alarm"), ("OK", SUCCESS, "Resolved"), ("INSUFFICIENT_DATA", WARNING, "No data")],
)
def test_an_alarm_shows_its_state_and_links_to_the_console(state: str, severity: Severity, word: str) -> None:
    embed = shown(alarm_text(NewStateValue=state))

    assert embed.title == f"{severity.symbol} {word}: joytify-playback-data-cleanup-errors"
    assert embed.url.endswith("region=ap-northeast-1#alarmsV2:alarm/joytify-playback-data-cleanup-errors")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_log_link_is_that_of_the_partition(region: str, host: str) -> None:
    embed = shown(cleanup_summary(), Origin(Place(region)))

    assert embed.url.startswith(
        f"https://{region}.{host}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/$252Faws$252Flambda$252F"
    )
    assert embed.url.endswith("/log-events/2026$252F11$252F01$252F$255B$2524LATEST$255D0123456789abcdef")


def test_a_link_is_left_out_where_the_region_is_unknown() -> None:
    assert shown(cleanup_summary(), Origin()).url == ""


def test_markup_from_outside_has_no_effect_in_a_title() -> None:
    embed = shown("@everyone **bold** [here](https://example.com/a_b) <@1>")

    assert embed.title == "🔹 ＠everyone ∗∗bold∗∗ ［here](https://example.com/a_b) ‹@1>"  # noqa: RUF001


@pytest.mark.parametrize(
    ("value", "shown_as"),
    [(None, "unknown"), (0.0, "0 %"), (0.01, "< 0.1 %"), (62.55, "62.5 %"), (99.99, "99.9 %"), (100.0, "100 %")],
)
def test_a_percentage_is_never_rounded_to_0_or_100(value: float | None, shown_as: str) -> None:
    assert percent(value) == shown_as


def test_figures_have_human_units() -> None:
    assert [number(None), number(0), number(1234567)] == ["unknown", "0", "1,234,567"]
    assert [size(512), size(1536), size(512 * 1024**2)] == ["512 B", "1.5 KiB", "512.0 MiB"]
    assert [duration(5), duration(1500), duration(61_234), duration(7_260_000)] == [
        "5 ms",
        "1.5 s",
        "1 min 1 s",
        "2 h 1 min",
    ]
    taipei = ZoneInfo("Asia/Taipei")
    assert markdown(time_of(None), taipei) == "unknown"
    assert markdown(time_of(cleanup_summary().data.cutoff_date), taipei) == "<t:1793498400:R> (2026-11-01 10:00 CST)"


@pytest.mark.parametrize(
    "text",
    [
        "plain 12.5 %",
        "joytify-playback-data-cleanup-errors",
        "https://eu-west-1.console.aws.amazon.com/x?a_b=c*d#e_f",
        "snake_case_name and arn:aws:s3:::bucket/key",
        "5 * 3 > 2, a < b, 1 | 2, ~100, #5, cost: 5",
        "me@example.com - [brackets] (and more)",
        "C:\\dir",
    ],
)
def test_text_without_effect_in_discord_is_not_escaped(text: str) -> None:
    assert markdown(text, ZoneInfo("UTC")) == label(text) == text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("**bold** *it*", "\\*\\*bold\\*\\* \\*it\\*"),
        ("__init__ and _x_", "\\_\\_init\\_\\_ and \\_x\\_"),
        ("`code` ~~gone~~ ||spoiler||", "\\`code\\` \\~\\~gone\\~\\~ \\|\\|spoiler\\|\\|"),
        ("<@1> <#2> <:a:3> @here @everyone", "\\<@1> \\<#2> \\<:a:3> \\@here \\@everyone"),
        ("[text](https://example.com)", "\\[text](https://example.com)"),
        ("# big\n> quoted\n-# small", "\\# big\n\\> quoted\n\\-# small"),
        ("a\\*b", "a\\\\\\*b"),
    ],
)
def test_what_would_take_effect_is_escaped(text: str, escaped: str) -> None:
    assert markdown(text, ZoneInfo("UTC")) == escaped


@pytest.mark.parametrize(
    ("trigger", "shown"),
    [
        ({"Namespace": "AWS/Lambda", "MetricName": "Duration", "Threshold": 810000.0}, "above 13 min 30 s"),
        ({"MetricName": "Latency", "Unit": "Seconds", "Threshold": 90.0}, "above 1 min 30 s"),
        ({"MetricName": "Size", "Unit": "Bytes", "Threshold": 429496729.6}, "above 409.6 MiB"),
        ({"MetricName": "Used", "Unit": "Percent", "Threshold": 80.0}, "above 80 %"),
        ({"MetricName": "Messages", "Threshold": 12000.0}, "above 12,000"),
        ({"MetricName": "Messages", "Threshold": "a lot"}, "above a lot"),
    ],
)
def test_a_threshold_is_shown_in_readable_units(trigger: dict[str, Any], shown: str) -> None:
    text = alarm_text(Trigger={"ComparisonOperator": "GreaterThanThreshold", **trigger})

    (received,) = parse_event(sns_event(text))
    fields = {field.name: field.value for field in render(received, ZoneInfo("UTC")).fields}

    assert fields["Threshold"] == shown


@pytest.mark.parametrize(
    ("source", "flags"),
    [
        ("joytify-playback-data-cleanup", " --aws"),
        ("joytify-dev-playback-data-cleanup", " --aws --environment dev"),
        ("my-dev-app-playback-data-cleanup", " --aws --project my-dev-app"),
        ("music-staging-playback-data-cleanup", " --aws --project music --environment staging"),
    ],
)
def test_a_command_in_a_failure_is_for_the_deployment_that_failed(source: str, flags: str) -> None:
    """A command for a failure in dev must not delete in prod."""
    error = cleanup_error(stage="deletion limit").model_copy(update={"source": source})

    (received,) = parse_event(sns_event(error.model_dump_json()))
    fields = {field.name: field.value for field in render(received, ZoneInfo("UTC")).fields}

    assert f'{{"ignoreDeletionLimit": true}}\'{flags}`.' in fields["What next"]
    assert fields["Log"].endswith(f"{flags}`")


@pytest.mark.parametrize("value", [1_793_502_245, 1_793_502_245_000, "1793502245"], ids=repr)
def test_a_unix_time_in_seconds_or_milliseconds_is_shown_as_a_time(value: object) -> None:
    (field,) = flatten_fields({"startTime": value})

    assert field.value == "2026-11-01 03:04:05 UTC"


def test_a_database_over_its_limit_is_called_full() -> None:
    over = Storage(used_bytes=7, limit_bytes=6, percent=116.7, growth_bytes_per_day=1, days_until_full=0.0, alert=True)
    message = cleanup_summary(storage=over)

    (received,) = parse_event(sns_event(message.model_dump_json()))
    texts = [field.value for field in render(received, ZoneInfo("UTC")).fields]

    assert any("(116.7 %): full " in text for text in texts)
    assert not any("nearly" in text or "0 days" in text for text in texts)
