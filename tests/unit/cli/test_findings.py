from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from joytify_cleanup.settings import CleanupSettings
from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.checks.functions import differing_settings
from joytify_cli.operate.checks.shapes import is_right
from joytify_cli.operate.findings import Finding, UnavailableError
from joytify_cli.target import Target
from joytify_common.errors import ConfigError, TransientError
from joytify_common.settings import load_settings

CONTEXT = Context(Target(), Path("no-digests.json"))
TOPIC = {"SNS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:topic"}


def failing_check(exc: Exception) -> Check:
    def look(_: Context) -> Iterator[Finding]:
        yield Finding("ok", "first")
        raise exc

    return Check("it", look, "do this")


@pytest.mark.parametrize(
    ("exc", "status", "says"),
    [
        (ConfigError("access denied"), "wrong", "access denied"),
        (TransientError("no answer"), "wrong", "no answer"),
        (UnavailableError("no secret"), "unknown", "not checked: no secret"),
        (ValueError("mongodb://joytify:hunter2@host"), "wrong", "the check itself failed (ValueError)"),
    ],
)
def test_a_failing_check_yields_a_finding_without_library_error_text(exc: Exception, status: str, says: str) -> None:
    first, last = failing_check(exc).findings(CONTEXT)

    assert first.says == "first"
    assert (last.status, last.says) == (status, says)
    assert last.action == ("" if status == "unknown" else "do this")


def test_a_check_that_hangs_does_not_stop_the_command() -> None:
    release = threading.Event()

    def look(_: Context) -> Iterator[Finding]:
        yield Finding("ok", "first")
        release.wait(60)

    found = list(Check("it", look, "wait").findings(CONTEXT, limit=0.5))
    release.set()

    assert [finding.status for finding in found] == ["ok", "wrong"]
    assert found[1].says == "no answer within 0.5 s"


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("MONGODB_CONNECTION_STRING", "mongodb+srv://u:p@cluster0.abc.mongodb.net/?retryWrites=true", "mongodb+srv://"),
        ("MONGODB_CONNECTION_STRING", "mongodb://u:p%40@a:27017,b:27017/?replicaSet=rs0", "postgres://a"),
        ("MONGODB_CONNECTION_STRING", "mongodb://localhost", "mongodb://u:p@ss@host"),
        ("API_DOMAIN", "https://api.example.com", "api.example.com"),
        ("API_DOMAIN", "https://[::1]:8001", "https://[x"),
        ("MONGODB_CONNECTION_STRING", "mongodb+srv://cluster0.abc.mongodb.net", "mongodb+srv://u:p[x@cluster0"),
        ("API_INTERNAL_SECRET_KEY", "abc", "abc\n"),
        ("DISCORD_WEBHOOK_URL", "https://discord.com/api/webhooks/123/ab-_c", "https://discord.com/channels/1/2"),
        (
            "DISCORD_WEBHOOK_URL",
            "https://ptb.discord.com/api/v10/webhooks/123/abc",
            "https://discord.com/api/webhooks/",
        ),
        ("DISCORD_ALERTS_WEBHOOK_URL", "http://127.0.0.1:1/api/webhooks/1/a", "x"),
        ("DISCORD_WEBHOOK_URL", "http://discord:8002/api/webhooks/1/a", "https://example.com/api/webhooks/1/a"),
        ("DISCORD_WEBHOOK_URL", "http://172.17.0.1:80/api/webhooks/1/a", "http://8.8.8.8/api/webhooks/1/a"),
        (
            "DISCORD_WEBHOOK_URL",
            "https://discordapp.com/api/webhooks/1/a",
            "https://discord.com.evil.io/api/webhooks/1/a",
        ),
        ("DISCORD_WEBHOOK_URL", "https://canary.discord.com/api/webhooks/1/a", "http://discord.com/api/webhooks/1/a"),
        ("DISCORD_THREAD_ID", "1234", "#alerts"),
        ("DISCORD_TIMEZONE", "Asia/Taipei", "Taipei"),
        ("DISCORD_TIMEZONE", "UTC", "../etc/passwd"),
        ("SCHEDULE_MODE", "test_auto", "Production"),
    ],
)
def test_is_right_rejects_values_of_the_wrong_shape(key: str, right: str, wrong: str) -> None:
    assert is_right(key, right)
    assert not is_right(key, wrong)
    assert not is_right(key, 5)


def test_settings_come_from_the_functions_environment_not_from_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANUP_DAYS", "7")
    monkeypatch.setenv("SNS_TOPIC_ARN", "of this machine")

    settings = load_settings(CleanupSettings, {**TOPIC, "CLEANUP_BATCH_SIZE": "500", "OTHER": "x"})

    assert (settings.cleanup_days, settings.cleanup_batch_size) == (60, 500)
    assert differing_settings(settings) == {"CLEANUP_BATCH_SIZE": (500, 10_000)}
    with pytest.raises(ConfigError, match=r"CLEANUP_DAYS: .*1 to 3650 days"):
        load_settings(CleanupSettings, {**TOPIC, "CLEANUP_DAYS": "0"})
    with pytest.raises(ConfigError, match="SNS_TOPIC_ARN"):
        load_settings(CleanupSettings, {})
