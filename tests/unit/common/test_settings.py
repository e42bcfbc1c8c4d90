from __future__ import annotations

import pytest

from joytify_cleanup.settings import CleanupSettings
from joytify_common.errors import ConfigError
from joytify_common.settings import RENAMED, Settings, load_settings
from joytify_discord.settings import DiscordSettings
from joytify_stats.settings import StatsSettings

ARN = "arn:aws:sns:ap-northeast-1:123456789012:topic"


def test_defaults_apply_where_the_environment_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNS_TOPIC_ARN", ARN)

    settings = load_settings(CleanupSettings)

    assert (settings.cleanup_days, settings.cleanup_batch_size, settings.cleanup_batch_delay_ms) == (60, 10_000, 100)
    assert settings.db_name == "mern-joytify"


@pytest.mark.parametrize(
    ("settings_type", "name", "value", "allowed"),
    [
        (CleanupSettings, "CLEANUP_DAYS", "0", "1 to 3650 days"),
        (CleanupSettings, "CLEANUP_DAYS", "3651", "1 to 3650 days"),
        (CleanupSettings, "CLEANUP_DAYS", "sixty", "1 to 3650 days"),
        (CleanupSettings, "CLEANUP_BATCH_SIZE", "0", "1 to 100000 documents"),
        (CleanupSettings, "CLEANUP_BATCH_DELAY_MS", "-1", "0 to 60000 milliseconds"),
        (CleanupSettings, "CLEANUP_TIMEOUT_SAFETY_MINUTES", "0", "more than 0, at most 15 minutes"),
        (CleanupSettings, "CLEANUP_DELETION_LIMIT_PERCENT", "101", "more than 0, at most 100 percent"),
        (CleanupSettings, "DB_NAME", "a/b", "name of a MongoDB database"),
        (CleanupSettings, "SNS_TOPIC_ARN", "joytify", "ARN of an SNS topic"),
        (StatsSettings, "BACKEND_PUSH_SIZE", "3501", "1 to 3500 users"),
        (StatsSettings, "READ_PREFERENCE", "fastest", "primary, primaryPreferred"),
        (DiscordSettings, "LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, settings_type: type[Settings], name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv("SNS_TOPIC_ARN", ARN)
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=f"{name}: .*{allowed}"):
        load_settings(settings_type)


def test_a_missing_variable_is_named_and_no_other_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNRELATED_PASSWORD", "hunter2")

    with pytest.raises(ConfigError, match="SNS_TOPIC_ARN: Field required") as caught:
        load_settings(CleanupSettings)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_is_an_error_that_names_the_new_one(monkeypatch: pytest.MonkeyPatch, old: str) -> None:
    """If the old name were ignored, the default would apply silently: a deletion limit of 20 % would become 95 %."""
    monkeypatch.setenv("SNS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:topic")
    monkeypatch.setenv(old, "20")

    with pytest.raises(ConfigError, match=f"environment: {old} is now {RENAMED[old]}"):
        load_settings(CleanupSettings)
