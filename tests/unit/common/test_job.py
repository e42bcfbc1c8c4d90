from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from factories import NOW, FakeContext, FakeSNS, job

from joytify_cleanup.event import CleanupEvent
from joytify_cleanup.report import CleanupReport
from joytify_cleanup.work import Counts, Done
from joytify_common import logs
from joytify_common.errors import ConfigError, JobError, PermanentError, TransientError
from joytify_common.job import Run
from joytify_common.masking import hide
from joytify_common.messages import CleanupError, CleanupSummary
from joytify_common.outcome import Completed, Failed, Failure


def failing(error: Exception) -> Any:
    before = Done(started_at=NOW, cutoff=NOW, test_mode=False)
    own = before.model_copy(update={"collections": {"playbacks": Counts(deleted=4)}})
    report = CleanupReport(before=before, own=own)

    def run(_event: CleanupEvent, _run: Run) -> Failed[CleanupReport]:
        with pytest.raises(type(error)) as raised:
            raise error
        return Failed(report, Failure(raised.value, "delete playbacks"))

    return run


def test_a_run_that_ends_well_answers_with_the_data_it_publishes() -> None:
    sns = FakeSNS()

    answer = job(sns)({"triggeredBy": "someone"}, FakeContext())

    (message,) = sns.messages()
    assert isinstance(message, CleanupSummary)
    assert json.loads(sns.sent[0]["Message"])["data"] == answer
    assert answer["requestId"] == FakeContext().aws_request_id
    assert answer["testMode"] is False


def test_a_run_that_fails_tells_the_topic_what_was_done_and_raises() -> None:
    sns = FakeSNS()

    with pytest.raises(TransientError, match="gone"):
        job(sns, failing(TransientError("gone")))({}, FakeContext())

    (message,) = sns.messages()
    assert isinstance(message, CleanupError)
    assert (message.data.error, message.data.error_type) == ("gone", "TransientError")
    assert (message.data.stage, message.data.records_deleted) == ("delete playbacks", 4)


def test_a_late_failure_is_published_in_addition_to_the_summary() -> None:
    def run(_event: CleanupEvent, _run: Run) -> Completed[CleanupReport]:
        return Completed(CleanupReport(), Failure(ConfigError("function x: Lambda answered 404"), "cleanup start"))

    sns = FakeSNS()

    job(sns, run)({}, FakeContext())

    summary, error = sns.messages()
    assert (type(summary), type(error)) == (CleanupSummary, CleanupError)
    assert (error.data.error, error.data.stage) == ("function x: Lambda answered 404", "cleanup start")


def test_if_the_summary_cannot_be_built_an_error_is_published_and_lambda_does_not_repeat_the_run() -> None:
    class Misspelt(CleanupReport):
        def _figures(self) -> Any:
            return {**dict(super()._figures()), "records_deletd": 3}

    sns = FakeSNS()

    answer = job(sns, lambda *_: Completed(Misspelt()))({}, FakeContext())

    (message,) = sns.messages()
    assert isinstance(message, CleanupError)
    assert (message.data.stage, message.data.error_type) == ("summary", "PermanentError")
    assert answer == {"error": message.data.error, "error_type": "PermanentError", "stage": "summary"}


def test_an_unexpected_error_shows_no_text_of_its_own() -> None:
    sns = FakeSNS()

    with pytest.raises(PermanentError, match="unexpected ValueError at stage delete playbacks") as caught:
        job(sns, failing(ValueError("mongodb://user:pass@host")))({}, FakeContext())

    assert "pass" not in str(caught.value) + sns.sent[0]["Message"]


@pytest.mark.parametrize("error", [None, TransientError("gone")])
def test_a_topic_that_fails_changes_nothing_about_the_outcome(error: JobError | None) -> None:
    sns = FakeSNS(error=EndpointConnectionError(endpoint_url="http://127.0.0.1"))

    if error is None:
        assert job(sns)({}, FakeContext())["recordsDeleted"] == 0
    else:
        with pytest.raises(TransientError, match="gone"):
            job(sns, failing(error))({}, FakeContext())


def test_a_report_that_cannot_be_published_is_a_metric(capsys: pytest.CaptureFixture[str]) -> None:
    job(FakeSNS(error=EndpointConnectionError(endpoint_url="http://127.0.0.1")))({}, FakeContext())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["ReportsLost"] for line in lines if "ReportsLost" in line] == [[1.0]]


@pytest.mark.parametrize(("seconds_left", "is_asked_again"), [(60, True), (3, False)])
def test_after_an_sns_failure_the_second_report_is_sent_only_if_time_is_left(
    seconds_left: int, capsys: pytest.CaptureFixture[str], *, is_asked_again: bool
) -> None:
    """A run that could not start cleanup publishes two messages, but reserves time for only one."""
    logs.configure("INFO")
    sns = FakeSNS(error=EndpointConnectionError(endpoint_url="http://127.0.0.1"))
    both = Completed(CleanupReport(), Failure(TransientError("Lambda did not answer"), "cleanup start"))

    job(sns, lambda *_: both)({}, FakeContext(milliseconds=seconds_left * 1000))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    lost = {line["type"]: line["error"] for line in lines if line.get("message") == "outcome could not be published"}
    assert list(lost) == ["cleanup_summary", "cleanup_error"]
    assert ("no time is left for another attempt" in lost["cleanup_error"]) is not is_asked_again


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ({"testMode": "yes"}, r"testMode: .*allowed: true or false"),
        ({"dryRun": 1}, r"dryRun: "),
        ({"continuation": -1}, r"continuation: .*allowed: 0 or more"),
        ({"scheduleMode": "weekly"}, r"scheduleMode: .*allowed: production or test_auto"),
        ({"ignoreDeletionLimit": "true"}, r"ignoreDeletionLimit: "),
        ([1], r"it must be a JSON object"),
    ],
)
def test_a_wrong_event_is_refused_before_the_use_case_runs(event: Any, fault: str) -> None:
    told: list[str] = []
    sns = FakeSNS()

    with pytest.raises(ConfigError, match="event: " + fault):
        job(sns, lambda *_: told.append("ran"))(event, FakeContext())

    assert told == []
    assert [message.type for message in sns.messages()] == ["cleanup_error"]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("dryrun", "dryrun: unknown key; did you mean dryRun?"),
        ("dry_run", "dry_run: unknown key; did you mean dryRun?"),
        ("DryRun", "DryRun: unknown key; did you mean dryRun?"),
        ("ignore-deletion-limit", "did you mean ignoreDeletionLimit?"),
        ("detail-type", "detail-type: unknown key; known keys: testMode, dryRun, "),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_key_and_suggests_a_known_key(key: str, says: str) -> None:
    ran: list[str] = []

    with pytest.raises(ConfigError, match=r"^event: ") as raised:
        job(FakeSNS(), lambda *_: ran.append("ran"))({key: True}, FakeContext())

    assert says in str(raised.value)
    assert ran == []


@pytest.mark.parametrize(
    ("event", "mode", "expected"),
    [({}, "production", False), ({"testMode": True}, "production", True), ({}, "test_auto", True)],
)
def test_test_mode_comes_from_the_event_or_the_secret(event: dict[str, Any], mode: str, *, expected: bool) -> None:
    seen: list[bool] = []

    def run(_event: CleanupEvent, run: Run) -> Completed[CleanupReport]:
        seen.append(run.test_mode)
        return Completed(CleanupReport())

    job(FakeSNS(), run, mode=mode)(event, FakeContext())

    assert seen == [expected]


@pytest.mark.parametrize(("scheduled", "mode"), [("test_auto", "production"), ("production", "test_auto")])
def test_a_schedule_of_the_other_mode_is_skipped_with_the_reason(scheduled: str, mode: str) -> None:
    told: list[str] = []
    sns = FakeSNS()

    answer = job(sns, lambda *_: told.append("ran"), mode=mode)({"scheduleMode": scheduled}, FakeContext())

    assert told == []
    assert answer["skipped"] == f"the schedule is for {scheduled}, but SCHEDULE_MODE is {mode}"
    assert sns.sent == []


def test_every_log_line_is_json_with_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    hide("hidden-value")

    with pytest.raises(PermanentError):
        job(FakeSNS(), failing(ValueError("hidden-value")))({}, FakeContext())

    (line,) = capsys.readouterr().out.splitlines()
    assert "hidden-value" not in line
    assert json.loads(line)["requestId"] == FakeContext().aws_request_id
    assert "Traceback" in json.loads(line)["exception"]


@pytest.mark.parametrize("value", ['mongodb://u:hun"ter2@h', "back\\slash-value", "pässwörd-value"])
def test_a_secret_is_masked_however_it_stands_in_json(capsys: pytest.CaptureFixture[str], value: str) -> None:
    logs.configure("INFO")
    hide(value)

    with pytest.raises(PermanentError):
        job(FakeSNS(), failing(ValueError(f"quoted {value} here")))({}, FakeContext())

    line = json.loads(capsys.readouterr().out)
    assert value not in str(line)
    assert "quoted ********** here" in line["exception"]


def test_a_library_that_logs_gives_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    logging.getLogger("some.library").warning("careful with %s", "{braces}")
    logging.getLogger("httpx").info("GET https://discord.com/api/webhooks/1/token")

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["message"], told["logger"]) == ("careful with {braces}", "some.library")


def test_a_self_test_that_fails_raises_no_alarm_and_is_published_to_nobody() -> None:
    """Lambda counts every raised exception as a function error."""
    sns = FakeSNS()
    asked = replace(job(sns), services=lambda _: {"mongodb": lambda: None, "backend": lambda: 1 / 0})
    without_secret = replace(asked, secret=lambda: (_ for _ in ()).throw(ConfigError("secret NAME: it is gone")))

    answer = asked({"selfTest": True}, FakeContext())

    assert answer["mongodb"] == "ok"
    assert "ZeroDivisionError" in answer["backend"]
    assert without_secret({"selfTest": True}, FakeContext()) == {"secret": "secret NAME: it is gone"}
    assert sns.messages() == []
