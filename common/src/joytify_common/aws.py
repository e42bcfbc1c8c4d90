"""The boundary to AWS: one client per service and container; boto3's errors turned into ours."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import stamina
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)

from joytify_common.errors import ConfigError, TransientError

CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
# The upload of an archive object takes longer than any other call.
S3_CONFIG = Config(connect_timeout=3, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
# For the calls that start the next run and publish the outcome: even if the service does not answer, these calls fit
# into the time that is reserved after the run's deadline (deadline.py). `quick_attempts` defines their retries.
QUICK_CONFIG = Config(connect_timeout=0.5, read_timeout=2.5, retries={"total_max_attempts": 1})
# If discord's post store (the DynamoDB table) does not answer, the message must still be posted, so give up soon.
DYNAMODB_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})

# Error codes by which the services say that a permission is missing or the credentials are invalid.
# "403" is among them because S3 answers a HEAD request with a status only.
PERMISSION_CODES = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "DecryptionFailure",
        "InvalidAccessKeyId",
        "KMSAccessDenied",
        "KMSAccessDeniedException",
        "UnrecognizedClientException",
    }
)
THROTTLING_CODES = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling"})


# The services that the functions call. An image contains boto3's descriptions only of the services that its function
# calls, and of STS.
CONFIGS = {
    "cloudwatch": CONFIG,
    "dynamodb": DYNAMODB_CONFIG,
    "lambda": QUICK_CONFIG,
    "s3": S3_CONFIG,
    "secretsmanager": CONFIG,
    "sns": QUICK_CONFIG,
    "stepfunctions": QUICK_CONFIG,
}


@cache
def aws_client(service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return the container's client of a service."""
    return boto3.client(service, config=CONFIGS[service])


class NoAnswerError(TransientError):
    """The service did not answer, so it is unknown whether it carried out the call."""


def quick_attempts(seconds: float, *, is_repeatable: bool) -> Iterator[stamina.Attempt]:
    """Yield up to three attempts at a call that uses a `QUICK_CONFIG` client; stop if a retry cannot help.

    Args:
        seconds: no retry is scheduled after this many seconds; a retry whose wait (at most 0.5 s) has begun is still
            made. Each attempt takes at most 3 s.
        is_repeatable: whether the call may safely be made twice; if so, it is also retried after a lost response.
    """

    def can_help(exc: Exception) -> bool:
        return isinstance(exc, TransientError) and (is_repeatable or not isinstance(exc, NoAnswerError))

    return iter(
        stamina.retry_context(
            on=can_help, attempts=3, timeout=max(seconds, 0.01), wait_initial=0.1, wait_max=0.5, wait_jitter=0.2
        )
    )


@contextmanager
def aws_errors(subject: str, service: str, *, not_found: Collection[str] = ()) -> Iterator[None]:
    """Turn errors of boto3 raised in the block into ours; the boto3 error becomes the __cause__.

    Args:
        subject: what the call is about; the error's text begins with it.
        service: name of the service, for people.
        not_found: the service's codes for a subject that does not exist or is in an unusable state.

    Raises:
        ConfigError: a permission or the credentials are missing, or the subject does not exist or is invalid.
        TransientError: any other refusal, or the service could not be reached, or did not answer (NoAnswerError).
    """
    try:
        yield
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        # AWS Support asks for the request id; the log shows it with the cause.
        exc.add_note(f"AWS request id: {exc.response.get('ResponseMetadata', {}).get('RequestId', 'unknown')}")
        error = ConfigError if code in PERMISSION_CODES or code in not_found else TransientError
        answer = f"throttled the call ({code})" if code in THROTTLING_CODES else f"answered {code}"
        raise error(f"{subject}: {service} {answer}") from exc
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as exc:
        raise ConfigError(f"{subject}: the AWS credentials are missing or incomplete ({type(exc).__name__})") from exc
    except (ReadTimeoutError, ConnectionClosedError) as exc:
        raise NoAnswerError(f"{subject}: {service} did not answer ({type(exc).__name__})") from exc
    except ParamValidationError as exc:
        raise ConfigError(f"{subject}: the name or a value is invalid for {service}") from exc
    except BotoCoreError as exc:
        raise TransientError(f"{subject}: {service} could not be reached ({type(exc).__name__})") from exc
