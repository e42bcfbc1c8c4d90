"""Runs that count as a success, and the metric of the days since the last success."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from factories import CLEANUP, NOW, FakeContext, FakeSNS, job

from joytify_cleanup.report import CleanupReport
from joytify_common import job as job_module
from joytify_common.errors import ConfigError, TransientError
from joytify_common.heartbeat import put_days_since_success
from joytify_common.outcome import Completed


def metrics(text: str) -> list[dict[str, Any]]:
    """Return the lines that CloudWatch makes metrics of."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


def cloudwatch(*ages: timedelta) -> tuple[Any, Stubber]:
    """Return a client that answers with successes of these ages."""
    client = boto3.client("cloudwatch", region_name="ap-northeast-1")
    stubber = Stubber(client)
    moments = [NOW - age for age in ages]
    answer = {
        "MetricDataResults": [{"Id": "successes", "Timestamps": moments, "Values": [1.0] * len(moments)}],
    }
    stubber.add_response(
        "get_metric_data", answer, {"MetricDataQueries": ANY, "StartTime": NOW - timedelta(days=45), "EndTime": NOW}
    )
    stubber.activate()
    return client, stubber


@pytest.mark.parametrize(
    ("ages", "days"),
    [([timedelta(days=9), timedelta(days=2, hours=12)], 2.5), ([timedelta(0)], 0), ([], 45)],
    ids=["the youngest counts", "just now", "no success in the last 45 days"],
)
def test_the_days_since_the_last_success_become_a_metric(
    ages: list[timedelta], days: float, capsys: pytest.CaptureFixture[str]
) -> None:
    client, _ = cloudwatch(*ages)

    told = put_days_since_success(client, function=CLEANUP, now=NOW)

    (metric,) = metrics(capsys.readouterr().out)
    assert told == days
    assert (metric["DaysSinceSuccess"], metric["service"]) == ([days], CLEANUP)
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Joytify"


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDenied", ConfigError), ("InternalServiceFault", TransientError)], ids=str
)
def test_a_heartbeat_raises_an_error_if_cloudwatch_answers_with_an_error(code: str, error: type[Exception]) -> None:
    client = boto3.client("cloudwatch", region_name="ap-northeast-1")
    with Stubber(client) as stubber:
        stubber.add_client_error("get_metric_data", code)

        with pytest.raises(error, match=f"metric Successes: CloudWatch answered {code}"):
            put_days_since_success(client, function=CLEANUP, now=NOW)


def test_a_heartbeat_does_none_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = cloudwatch()
    told: list[str] = []
    sns = FakeSNS()
    monkeypatch.setattr(job_module, "aws_client", lambda _: client)
    monkeypatch.setattr(job_module, "put_days_since_success", lambda *_args, **_named: 3.5)

    answer = job(sns, lambda *_: told.append("ran"))({"heartbeat": True}, FakeContext())

    assert answer == {"daysSinceSuccess": 3.5}
    assert (told, sns.sent) == ([], [])


@pytest.mark.parametrize(
    ("event", "mode", "counts"),
    [
        ({}, "production", True),
        ({"scheduleMode": "production"}, "production", True),
        ({"scheduleMode": "test_auto"}, "production", False),
        ({"testMode": True}, "production", False),
        ({}, "test_auto", True),
    ],
    ids=["by hand", "scheduled", "skipped", "on the test collections", "while SCHEDULE_MODE is test_auto"],
)
def test_a_run_counts_as_a_success_unless_it_is_skipped_or_its_event_sets_test_mode(
    event: dict[str, Any], mode: str, capsys: pytest.CaptureFixture[str], *, counts: bool
) -> None:
    job(FakeSNS(), mode=mode)(event, FakeContext())

    told = metrics(capsys.readouterr().out)
    assert [(metric["Successes"], metric["DaysSinceSuccess"]) for metric in told] == [([1], [0])] * counts


@pytest.mark.parametrize("change", [{"dry_run": True}, {"stop_reason": "deadline"}, {"stop_reason": "no_progress"}])
def test_a_run_that_leaves_work_is_no_success(change: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    job(FakeSNS(), lambda *_: Completed(CleanupReport(**change)))({}, FakeContext())

    assert metrics(capsys.readouterr().out) == []
