"""Logs: one JSON object per line on standard output, with the request id, and no secret in any of them."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

HIDDEN = "**********"
_secrets: set[str] = set()


def configure(level: str) -> None:
    """Send every log line of this container to standard output as JSON.

    Args:
        level: the least severe level that is written.
    """
    logger.remove()
    # diagnose=False: loguru would print the values of variables, secrets among them.
    logger.add(_write, level=level, format="{message}", backtrace=False, diagnose=False)
    # Libraries log by the standard module. Below WARNING httpx would log the full URL, and the webhook's is a secret.
    logging.basicConfig(handlers=[_Forward()], level=logging.WARNING, force=True)


def hide(value: str) -> None:
    """Never show this text again: not in a log line, nor in a text cleaned by `clean`."""
    if value:
        _secrets.add(value)


def clean(text: str) -> str:
    """Return the text with every hidden value replaced."""
    for value in _longest_first():
        text = text.replace(value, HIDDEN)
    return text


def _longest_first() -> list[str]:
    # A password is part of its connection string, and must be masked alone only if it appears alone.
    return sorted(_secrets, key=len, reverse=True)


class _Forward(logging.Handler):
    """Hands a library's log line to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(exception=record.exc_info).log(record.levelno, "{}", record.getMessage(), logger=record.name)


def _write(message: Message) -> None:
    # The stream is looked up at every line, since the runtime may replace it after start.
    line = json.dumps(_line(message.record), default=str, ensure_ascii=False)
    for value in _longest_first():
        # As JSON writes it, with escaped quotes and backslashes.
        line = line.replace(json.dumps(value, ensure_ascii=False)[1:-1], HIDDEN)
    sys.stdout.write(line + "\n")


def _line(record: Record) -> dict[str, Any]:
    line: dict[str, Any] = {
        "timestamp": record["time"].isoformat(),
        "level": record["level"].name,
        "message": record["message"],
        **record["extra"],
    }
    if (failure := record["exception"]) is not None and failure.value is not None:
        line["exception"] = "".join(traceback.format_exception(failure.value))
    return line
