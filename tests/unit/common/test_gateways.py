from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber
from factories import FakeContext, FakeSNS, job
from own_messages import cleanup_summary
from pymongo.errors import (
    ConfigurationError,
    ExecutionTimeout,
    InvalidURI,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from joytify_common import logs
from joytify_common.aws import QUICK_CONFIG, aws_errors
from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, PermanentError, TransientError
from joytify_common.invoke import invoke_async
from joytify_common.job import PUBLISH_SECONDS
from joytify_common.masking import hide
from joytify_common.mongo import mongo_client, mongo_errors
from joytify_common.topic import publish

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sns import SNSClient


@pytest.mark.parametrize(
    ("error", "expected", "says"),
    [
        (InvalidURI("mongodb://user:pass@"), ConfigError, "MONGODB_CONNECTION_STRING"),
        (ConfigurationError("pass"), ConfigError, "MONGODB_CONNECTION_STRING"),
        (OperationFailure("pass", 18), ConfigError, "refused the user name or password"),
        (OperationFailure("pass", 13), ConfigError, "readWrite"),
        (ServerSelectionTimeoutError("pass"), TransientError, r"could not be reached: .* its IP access list \(Atlas"),
        (NotPrimaryError("pass"), TransientError, "could not be reached"),
        (NetworkTimeout("pass"), TransientError, "could not be reached"),
        (ExecutionTimeout("pass", 50), TransientError, "in the time given"),
        (OperationFailure("pass", 91, {"errorLabels": ["RetryableWriteError"]}), TransientError, "code 91"),
        (WriteConcernError("pass", 11602), TransientError, "code 11602"),
        (OperationFailure("pass", 2), PermanentError, "code 2"),
        (PyMongoError("pass"), PermanentError, "PyMongoError"),
    ],
    ids=[
        "bad URI",
        "bad option",
        "bad password",
        "no right",
        "unreachable",
        "not primary",
        "network timeout",
        "server timeout",
        "retryable",
        "no longer primary",
        "refused",
        "other",
    ],
)
def test_the_drivers_errors_become_ours_and_lose_their_text(
    error: PyMongoError, expected: type[Exception], says: str
) -> None:
    with pytest.raises(expected, match=says) as caught, mongo_errors():
        raise error

    assert "pass" not in str(caught.value).replace("password", "")


def test_a_connection_string_that_cannot_be_read_names_its_key() -> None:
    with pytest.raises(ConfigError, match="MONGODB_CONNECTION_STRING"):
        mongo_client("postgres://host")


def stubbed(service: str, method: str, error: str = "") -> Any:
    client: Any = boto3.client(service)
    stubber = Stubber(client)
    if error:
        for _ in range(3):
            stubber.add_client_error(method, service_error_code=error)
    else:
        stubber.add_response(method, {})
    stubber.activate()
    return client


def test_invoke_async_hands_the_event_over() -> None:
    invoke_async(stubbed("lambda", "invoke"), "cleanup", {"testMode": True})


@pytest.mark.parametrize(
    ("code", "expected", "says"),
    [
        ("ResourceNotFoundException", ConfigError, "function cleanup: Lambda answered ResourceNotFoundException"),
        ("TooManyRequestsException", TransientError, "function cleanup: Lambda throttled the call"),
        ("ServiceException", TransientError, "function cleanup: Lambda answered ServiceException"),
    ],
)
def test_invoke_async_tells_lambdas_refusals_apart(code: str, expected: type[Exception], says: str) -> None:
    with pytest.raises(expected, match=says):
        invoke_async(stubbed("lambda", "invoke", code), "cleanup", {})


def test_a_resource_name_that_is_invalid_for_its_service_is_a_config_error() -> None:
    says = "bucket A B: the name or a value is invalid for S3"
    with pytest.raises(ConfigError, match=says), aws_errors("bucket A B", "S3"):
        boto3.client("s3").head_bucket(Bucket="A B")


class Hanging:
    """A client of Lambda whose answers are lost."""

    def __init__(self) -> None:
        self.calls = 0

    def invoke(self, **_: Any) -> None:
        self.calls += 1
        raise ReadTimeoutError(endpoint_url="https://lambda")


def test_a_function_that_may_have_been_started_is_not_started_again() -> None:
    client = Hanging()

    with pytest.raises(TransientError, match=r"Lambda did not answer .*; the function may have been started"):
        invoke_async(cast("LambdaClient", client), "cleanup", {})

    assert client.calls == 1


def test_a_last_attempt_to_publish_ends_in_time_even_if_sns_does_not_answer() -> None:
    """Botocore makes one attempt, and its timeouts add up to less than PUBLISH_SECONDS."""
    call = 0.5 + 2.5
    assert (QUICK_CONFIG.connect_timeout, QUICK_CONFIG.read_timeout) == (0.5, 2.5)
    assert QUICK_CONFIG.retries == {"total_max_attempts": 1}
    assert call < PUBLISH_SECONDS


def test_the_topic_gets_subject_text_and_type() -> None:
    sent: list[dict[str, Any]] = []

    class Client:
        def publish(self, **request: Any) -> None:
            sent.append(request)

    publish(cast("SNSClient", Client()), "arn", cleanup_summary(), 0)

    assert sent[0]["Subject"] == "joytify-playback-data-cleanup: cleanup_summary"
    assert json.loads(sent[0]["Message"])["schema"] == 1
    assert sent[0]["MessageAttributes"]["type"]["StringValue"] == "cleanup_summary"


def test_a_refusal_by_sns_is_raised_as_one_of_our_errors() -> None:
    with pytest.raises(TransientError, match="SNS answered Throttled"):
        publish(stubbed("sns", "publish", "Throttled"), "arn", cleanup_summary(), 0)


@pytest.mark.parametrize("code", ["AuthorizationError", "AccessDenied", "KMSAccessDenied", "NotFound"])
def test_topic_errors_that_need_a_person_are_config_errors(code: str) -> None:
    with pytest.raises(ConfigError, match=f"SNS_TOPIC_ARN: SNS answered {code}"):
        publish(stubbed("sns", "publish", code), "arn", cleanup_summary(), 0)


def test_the_cause_and_awss_request_id_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    hide("the-token")
    answer = {
        "Error": {"Code": "ServiceException", "Message": "the-token is no good"},
        "ResponseMetadata": {"RequestId": "0a1b2c"},
    }

    def run(_event: object, _run: object) -> None:
        with aws_errors("function cleanup", "Lambda"):
            raise ClientError(cast("Any", answer), "Invoke")

    with pytest.raises(TransientError, match="function cleanup: Lambda answered ServiceException"):
        job(FakeSNS(), run)({}, FakeContext())

    line = json.loads(capsys.readouterr().out)
    assert "AWS request id: 0a1b2c" in line["cause"]
    assert "Invoke operation: ********** is no good" in line["cause"]
    assert "exception" not in line


@pytest.mark.parametrize(
    ("milliseconds", "limit", "seconds"),
    [(900_000, None, 885), (900_000, 840, 840), (300_000, 840, 285), (5_000, None, 4), (0, 840, 0)],
)
def test_the_deadline_keeps_a_reserve_and_a_limit_can_only_bring_it_forward(
    milliseconds: int, limit: float | None, seconds: float
) -> None:
    deadline = Deadline.of(FakeContext(milliseconds=milliseconds), limit_seconds=limit)

    assert deadline.remaining() == pytest.approx(seconds, abs=0.5)
