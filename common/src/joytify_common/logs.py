"""Logs: one JSON object per line on standard output, with the request id; secrets are masked."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

import stamina.instrumentation
from loguru import logger

from joytify_common.errors import JobError
from joytify_common.masking import clean, clean_json

if TYPE_CHECKING:
    from loguru import Message, Record

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Errors are shortened, since CloudWatch truncates lines at 256 KiB, which would leave invalid JSON. The end of a
# traceback, which says what happened, is kept.
MAX_TRACEBACK, MAX_CAUSE, MAX_CAUSES = 50_000, 4000, 5


def configure(level: str) -> None:
    """Send every log line of this container to standard output as JSON.

    Args:
        level: the least severe level that is written.
    """
    logger.remove()
    # diagnose=False: loguru would print the values of variables, secrets among them.
    logger.add(_write, level=level, format="{message}", backtrace=False, diagnose=False)
    # Libraries log with the standard module. Below WARNING, httpx would log full URLs, and the
    # webhook URL is a secret.
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)
    stamina.instrumentation.set_on_retry_hooks([_log_retry])


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Log a call that is repeated; stamina's own line would not say why."""
    error = f"{type(details.caused_by).__name__}: {details.caused_by}"
    logger.warning("a call failed and will be retried", error=error, attempt=details.retry_num, wait=details.wait_for)


class _Forward(logging.Handler):
    """Hands a library's log line to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname if record.levelname in LEVELS else record.levelno
        logger.opt(exception=record.exc_info).log(level, "{}", record.getMessage(), logger=record.name)


def _write(message: Message) -> None:
    # The stream is looked up at every line, since the runtime may replace it after start.
    sys.stdout.write(json.dumps(_line(message.record), ensure_ascii=False) + "\n")


def _line(record: Record) -> dict[str, Any]:
    line: dict[str, Any] = {
        "timestamp": record["time"].isoformat(),
        "level": record["level"].name,
        "message": clean(record["message"]),
        **{key: clean_json(value) for key, value in record["extra"].items()},
    }
    if (failure := record["exception"]) is not None and failure.value is not None:
        line |= _explained(failure.value)
    return line


def _explained(error: BaseException) -> dict[str, str]:
    """Return the fields that explain an error: the traceback, or only the causes of a JobError.

    The text of a JobError already says what is wrong, so its traceback would add nothing.
    """
    if not isinstance(error, JobError):
        return {"exception": clean("".join(traceback.format_exception(error)))[-MAX_TRACEBACK:]}
    causes: list[str] = []
    while (cause := error.__cause__) is not None and len(causes) < MAX_CAUSES:
        text = "; ".join(part.strip() for part in traceback.format_exception_only(cause))
        frames = traceback.extract_tb(cause.__traceback__)
        causes.append(f"{text} ({frames[-1].filename}:{frames[-1].lineno})" if frames else text)
        error = cause
    return {"cause": clean(", caused by ".join(causes))[:MAX_CAUSE]} if causes else {}
