"""Gateway: reads a function's log lines, each with its run (CloudWatch Logs)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from joytify_cli.target import NOT_FOUND
from joytify_common.aws import aws_errors

# Keys of a JSON line that are not kept in `fields`.
OWN = {"timestamp", "level", "message", "requestId", "function"}
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# CloudWatch may ingest a line this long after its timestamp, when newer lines of other streams have
# already been read.
LATE = timedelta(seconds=30)
# Lambda's own lines, as text: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
PLATFORM = re.compile(r"^(?P<what>START|END|REPORT) RequestId: (?P<request>[0-9a-f-]{36})\b")
TIMED_OUT = re.compile(r"(?P<request>[0-9a-f-]{36}) Task timed out after")
# Event id, stream, time in milliseconds, text, and a counter for events that are otherwise equal.
Key = tuple[str | None, str, int, str, int]
UNHANDLED = re.compile(r"^\[ERROR\]|^RequestId: \S+ Error: |Runtime\.\w+|errorType")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a log.

    Attributes:
        time: when it was written, UTC.
        level: one of LEVELS.
        message: the field `message` of a JSON line, or `metrics` if `kind` is `metrics`; the text after the request id
            if `kind` is `start`, `end` or `report`; else the whole line.
        fields: the other data of the line.
        stream: the execution environment's log stream.
        request: request id of the run that the line belongs to; empty if unknown.
        kind: `start`, `end` or `report` for Lambda's START, END and REPORT lines; `metrics` if CloudWatch
            extracts metrics from the line; else `line`.
    """

    time: datetime
    level: str
    message: str
    fields: Mapping[str, Any]
    stream: str
    request: str
    kind: str = "line"

    def is_at_least(self, level: str) -> bool:
        """Return whether the line has this level or a more severe one."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


@dataclass
class LogReader:
    """Reads one function's log forwards, in any number of calls, and returns each line once.

    Attributes:
        client: boto3's client of CloudWatch Logs.
        group: name of the log group.
        since: earliest time of a line.
        may_be_missing: whether to treat a missing log group as empty instead of raising an error. On AWS, Terraform
            creates the groups; in a local stack, a group is created at the function's first run.
    """

    client: Any
    group: str
    since: datetime
    may_be_missing: bool = False
    _seen: set[Key] = field(default_factory=set)
    _running: dict[str, str] = field(default_factory=dict)

    def _exists(self) -> bool:
        with aws_errors(f"log group {self.group}", "CloudWatch Logs"):
            groups = self.client.describe_log_groups(logGroupNamePrefix=self.group)["logGroups"]
        return any(group["logGroupName"] == self.group for group in groups)

    def read(self) -> Iterator[Line]:
        """Yield the lines that have arrived since the last call, in order of time.

        Raises:
            ConfigError: there is no such log group, or access is denied.
            TransientError: CloudWatch Logs could not be reached.
        """
        occurrences: Counter[tuple[str, int, str]] = Counter()
        newest = self.since
        for event in self._events():
            # The emulator has no event ids: a counter distinguishes equal lines of a millisecond.
            same = (str(event["logStreamName"]), int(event["timestamp"]), str(event["message"]))
            occurrences[same] += 1
            key = (event.get("eventId"), same[0], same[1], same[2], occurrences[same])
            newest = max(newest, _time(event))
            # Mark the line as seen before yielding it: a caller that stops early gets it only once.
            if key not in self._seen:
                self._seen.add(key)
                yield self._parse(event)
        self.since = max(self.since, newest - LATE)
        limit = self.since.timestamp() * 1000
        self._seen = {key for key in self._seen if key[2] >= limit}

    def _events(self) -> Iterator[dict[str, Any]]:
        if self.may_be_missing and not self._exists():
            return
        self.may_be_missing = False
        request = {"logGroupName": self.group, "startTime": int(self.since.timestamp() * 1000)}
        with aws_errors(f"log group {self.group}", "CloudWatch Logs", not_found=NOT_FOUND):
            for page in self.client.get_paginator("filter_log_events").paginate(**request):
                yield from page["events"]

    def _parse(self, event: Mapping[str, Any]) -> Line:
        line = parse(event)
        request = line.request or self._running.get(line.stream, "")
        if line.kind == "start":
            self._running[line.stream] = line.request
        return replace(line, request=request)


def parse(event: Mapping[str, Any]) -> Line:
    """Return an event of CloudWatch Logs as a line; its request is empty if the line does not name it."""
    text = str(event["message"]).rstrip("\n")
    stream = str(event.get("logStreamName", ""))
    line = Line(time=_time(event), level="INFO", message=text, fields={}, stream=stream, request="")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return _text_line(line)
    if "_aws" in value:
        figures = {key: _single(item) for key, item in value.items() if key not in {"_aws", "service"}}
        return replace(line, message="metrics", fields=figures, kind="metrics")
    level = str(value.get("level", "INFO")).upper()
    return replace(
        line,
        time=_own_time(value, line.time),
        level=level if level in LEVELS else "INFO",
        message=str(value.get("message", "")),
        fields={key: item for key, item in value.items() if key not in OWN},
        request=str(value.get("requestId") or ""),
    )


def _text_line(line: Line) -> Line:
    text = line.message
    if match := PLATFORM.match(text):
        message = text.partition(match["request"])[2].strip().replace("\t", "  ")
        return replace(line, message=message, request=match["request"], kind=match["what"].lower())
    timed_out = TIMED_OUT.search(text)
    level = "ERROR" if timed_out or UNHANDLED.search(text) else "INFO"
    return replace(line, level=level, request=timed_out["request"] if timed_out else "")


def _single(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _time(event: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(event["timestamp"] / 1000, UTC)


def _own_time(value: Mapping[str, Any], otherwise: datetime) -> datetime:
    try:
        return datetime.fromisoformat(str(value["timestamp"])).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return otherwise
