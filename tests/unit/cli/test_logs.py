from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from joytify_cli.operate import timeline
from joytify_cli.operate.log_view import LogView, draw
from joytify_cli.operate.logs import LogReader, parse
from joytify_cli.operate.tail import EARLIEST, in_blocks, parse_since

REQUEST = "8f507cfc-xmpl-4697-b07a-ac58fc914c95".replace("xmpl", "1234")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
# The log lines below have the shapes that AWS documents:
# https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html and
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
START = f"START RequestId: {REQUEST} Version: $LATEST\n"
END = f"END RequestId: {REQUEST}\n"
REPORT = (
    f"REPORT RequestId: {REQUEST}\tDuration: 15.74 ms\tBilled Duration: 16 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 56 MB\tInit Duration: 130.49 ms\t\n"
)
TIMED_OUT = f"2026-11-25T12:00:00.000Z {REQUEST} Task timed out after 3.00 seconds\n\n"
UNHANDLED = "[ERROR] KeyError: 'a'\nTraceback (most recent call last):\n  File \"/var/task/x.py\", line 1, in handler\n"
OURS = json.dumps(
    {
        "timestamp": "2026-11-25T12:00:01+00:00",
        "level": "WARNING",
        "message": "slow",
        "function": "joytify-playback-data-cleanup",
        "requestId": REQUEST,
        "seconds": 3,
        "outcome": {"requestId": REQUEST, "deleted": 5, "unknown": None, "collections": [{"name": "playbacks"}]},
    }
)
METRICS = json.dumps({"_aws": {"Timestamp": 1}, "service": "x", "RecordsDeleted": [5.0]})


def event(message: str, second: int = 0, stream: str = "a") -> dict[str, Any]:
    return {"timestamp": int((NOW.timestamp() + second) * 1000), "message": message, "logStreamName": stream}


@pytest.mark.parametrize(
    ("message", "kind", "level", "request_id"),
    [
        (START, "start", "INFO", REQUEST),
        (END, "end", "INFO", REQUEST),
        (REPORT, "report", "INFO", REQUEST),
        (TIMED_OUT, "line", "ERROR", REQUEST),
        (UNHANDLED, "line", "ERROR", ""),
        ("RequestId: 1 Error: Runtime exited with error: signal: killed\nRuntime.ExitError", "line", "ERROR", ""),
        ("INIT_START Runtime Version: python:3.13.v1", "line", "INFO", ""),
        (OURS, "line", "WARNING", REQUEST),
        (METRICS, "metrics", "INFO", ""),
        ("[1, 2]", "line", "INFO", ""),
        ("null", "line", "INFO", ""),
        ('{"level": "strange", "timestamp": "never"}', "line", "INFO", ""),
        ("", "line", "INFO", ""),
    ],
)
def test_a_line_of_any_shape_is_understood(message: str, kind: str, level: str, request_id: str) -> None:
    line = parse(event(message))

    assert (line.kind, line.level, line.request) == (kind, level, request_id)
    assert list(draw(line))


class FakeLogs:
    """A fake CloudWatch Logs that returns its events since the requested start, one per page."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[int] = []

    def get_paginator(self, name: str) -> FakeLogs:
        assert name == "filter_log_events"
        return self

    def paginate(self, *, logGroupName: str, startTime: int) -> list[dict[str, Any]]:  # noqa: N803 - boto3's names
        del logGroupName
        self.asked.append(startTime)
        return [{"events": [each]} for each in self.events if each["timestamp"] >= startTime]


def test_a_line_without_a_request_id_belongs_to_the_active_run_of_its_log_stream() -> None:
    logs = FakeLogs()
    logs.events = [event(START, 0, "a"), event(UNHANDLED, 1, "b"), event(METRICS, 2, "a"), event(UNHANDLED, 3, "a")]

    lines = list(LogReader(logs, "group", NOW).read())

    assert [line.request for line in lines] == [REQUEST, "", REQUEST, REQUEST]


def test_each_line_is_read_once_even_if_it_comes_late_or_twice() -> None:
    """The emulator has no event ids, and CloudWatch may ingest lines out of order."""
    logs = FakeLogs()
    reader = LogReader(logs, "group", NOW)
    logs.events = [event("same", 60), event("same", 60)]
    first = list(reader.read())
    logs.events.insert(0, event("late", 50))
    logs.events.append(event("same", 60))
    logs.events.append(event("new", 90))

    second = list(reader.read())

    assert [line.message for line in first] == ["same", "same"]
    assert sorted(line.message for line in second) == ["late", "new", "same"]
    assert list(reader.read()) == []
    # The reader resumes shortly before the newest line, not at the beginning.
    assert logs.asked[-1] > logs.asked[0]


def test_runs_that_overlap_are_shown_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    other = REQUEST.replace("8f507cfc", "00000000")
    texts = [START, START.replace(REQUEST, other), OURS, OURS.replace(REQUEST, other).replace("slow", "quick"), REPORT]
    logs = FakeLogs()
    logs.events = [event(text, number, text[17:20]) for number, text in enumerate(texts)]
    view = LogView()

    for line in in_blocks(list(LogReader(logs, "group", NOW).read())):
        view.show(line)

    shown = capsys.readouterr().out
    assert shown.count("━━") == 2
    assert shown.index("slow") < shown.index("Duration: 15.74 ms") < shown.index(other) < shown.index("quick")
    assert "outcome: deleted=5\n" in shown
    assert "collections: name=playbacks" in shown


def test_only_the_level_and_run_that_were_asked_for_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    view = LogView(level="WARNING", request=REQUEST[:4])
    for line in (parse(event(OURS)), parse(event(OURS.replace("WARNING", "INFO"))), parse(event(UNHANDLED))):
        view.show(line)

    assert view.shown == 1
    assert capsys.readouterr().out.count("slow") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("10m", NOW - timedelta(minutes=10)),
        ("8d", NOW - timedelta(days=8)),
        ("1w", NOW - timedelta(weeks=1)),
        ("999999w", EARLIEST),
        ("99999999999d", EARLIEST),
        ("2026-11-01T02:00Z", datetime(2026, 11, 1, 2, tzinfo=UTC)),
    ],
)
def test_since_is_a_duration_or_a_time(text: str, expected: datetime) -> None:
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize("text", ["yesterday", "", "10", "10y", "-3d"])
def test_any_other_since_value_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither a duration"):
        parse_since(text, NOW)


FAILED = json.dumps({"level": "ERROR", "message": "run failed", "requestId": REQUEST, "error": "no answer"})
WHOLE = '[ERROR] TransientError: no answer\nTraceback (most recent call last):\n  File "/var/task/x.py", line 1\n'
IN_PARTS = [
    "Traceback (most recent call last):",
    '  File "x.py", line 1, in handler',
    "errors.TransientError: no answer",
]


@pytest.mark.parametrize("level", ["DEBUG", "WARNING"])
@pytest.mark.parametrize("repeated", [[WHOLE], IN_PARTS], ids=["in one event", "one line per event"])
def test_the_runtimes_traceback_of_a_known_error_is_left_out_and_nothing_else(
    capsys: pytest.CaptureFixture[str], repeated: list[str], level: str
) -> None:
    """Lambda retries under the same request id, and the retry times out."""
    texts = [START, FAILED, *repeated, END, REPORT, START, TIMED_OUT, END, REPORT]
    logs = FakeLogs()
    logs.events = [event(text, number) for number, text in enumerate(texts)]
    view = LogView(level=level)

    for line in in_blocks(list(LogReader(logs, "group", NOW).read())):
        view.show(line)

    shown = capsys.readouterr().out
    assert shown.count("no answer") == 1
    assert "Traceback" not in shown
    assert "Task timed out" in shown


def test_an_error_that_our_code_did_not_log_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs = FakeLogs()
    logs.events = [event(text, number) for number, text in enumerate([START, UNHANDLED])]
    view = LogView()

    for line in LogReader(logs, "group", NOW).read():
        view.show(line)

    assert "Traceback" in capsys.readouterr().out


def test_the_timeline_shows_figures_of_zero_and_omits_null_and_false() -> None:
    outcome = {"recordsDeleted": 0, "stopReason": "completed", "dryRun": False, "period": None, "testMode": True}
    event = {"timestamp": 0, "message": json.dumps({"message": "run ended", "outcome": outcome})}

    assert timeline.said(parse(event), "cleanup", "") == "recordsDeleted=0  stopReason=completed  testMode=True"


def test_the_timeline_counts_the_spans_of_a_plan() -> None:
    outcome = {"todo": [{}, {}], "done": {}, "ignoreDeletionLimit": False}
    event = {"timestamp": 0, "message": json.dumps({"message": "run ended", "outcome": outcome})}

    assert timeline.said(parse(event), "cleanup", "") == "todo=2"
