"""Messages of the pipeline itself, with sensible values: a builder for each type, and a sample of every kind."""

from __future__ import annotations

from typing import Any

from factories import CLEANUP, NOW, STATS, common

from joytify_common.messages import (
    ArchiveFigures,
    Chain,
    CleanupError,
    CleanupErrorData,
    CleanupSummary,
    CleanupSummaryData,
    CollectionFigures,
    Estimate,
    Message,
    MonthlyStatsError,
    MonthlyStatsSummary,
    StatsErrorData,
    StatsSummaryData,
    Storage,
    ThrottleFigures,
)


def failure(**changes: Any) -> dict[str, Any]:
    """Return the data that every error message has."""
    told = {"error": "MongoDB could not be reached", "error_type": "TransientError", "stage": "delete playbacks"}
    return common(**{**told, **changes})


def stats_summary(**changes: Any) -> MonthlyStatsSummary:
    """Return the message of a stats run that notified 800 users."""
    told = {"period": "2026-10", "users_processed": 950, "users_updated": 800}
    more = {"notification_id": "a" * 24, "socket_users_notified": 800, "cleanup_triggered": True}
    return MonthlyStatsSummary(source=STATS, data=StatsSummaryData(**common(**{**told, **more, **changes})))


def stats_error(**changes: Any) -> MonthlyStatsError:
    """Return the message of a stats run that failed."""
    return MonthlyStatsError(source=STATS, data=StatsErrorData(**failure(**{"users_updated": 300, **changes})))


def cleanup_summary(**changes: Any) -> CleanupSummary:
    """Return the message of a cleanup run that deleted everything expired."""
    figures = {
        "records_deleted": 66_814,
        "total_records_found": 66_814,
        "remaining_records": 0,
        "completion_percentage": 100.0,
        "cutoff_date": NOW,
        "triggered_by": "stats",
        "collections": (
            CollectionFigures(
                name="playbacks",
                found=66_481,
                deleted=66_481,
                remaining=0,
                undated=None,
                scope="ordinary",
            ),
            CollectionFigures(
                name="sessions", found=333, deleted=333, remaining=0, undated=0, unrecognized=0, scope="sweep"
            ),
        ),
        "storage": Storage(
            used_bytes=50_928_805, limit_bytes=536_870_912, percent=9.49, percent_before_next_cleanup=11.02
        ),
    }
    return CleanupSummary(source=CLEANUP, data=CleanupSummaryData(**common(**{**figures, **changes})))


def cleanup_error(**changes: Any) -> CleanupError:
    """Return the message of a cleanup run that failed."""
    return CleanupError(source=CLEANUP, data=CleanupErrorData(**failure(**{"records_deleted": 20_000, **changes})))


EVERY_MESSAGE: dict[str, Message] = {
    "stats": stats_summary(),
    "stats of a test run": stats_summary(test_mode=True),
    "stats with nothing to do": stats_summary(users_updated=0, skipped="2026-10 has been delivered already"),
    "stats dry run": stats_summary(dry_run=True),
    "stats continued": stats_summary(continued=True, cleanup_triggered=False),
    "stats with failed pushes": stats_summary(socket_failures=300, socket_failure="the backend answered 503"),
    "stats that skipped users": stats_summary(users_skipped=3),
    "stats with an adopted notification": stats_summary(users_updated=12, notification_adopted=True),
    "stats that built statistics": stats_summary(statistics_built=17, plays_skipped=4),
    "stats without cleanup": stats_summary(cleanup_triggered=False, cleanup_failure="Lambda throttled the call"),
    "stats error": stats_error(),
    "stats error at the start": stats_error(test_mode=None, stage="event", users_updated=0),
    "cleanup": cleanup_summary(),
    "cleanup with nothing expired": cleanup_summary(records_deleted=0, total_records_found=0, collections=()),
    "cleanup that swept": cleanup_summary(
        collections=(
            CollectionFigures(
                name="playbacks",
                found=66_814,
                deleted=66_814,
                remaining=0,
                undated=20,
                unrecognized=3,
                scope="sweep",
            ),
        ),
    ),
    "cleanup with exhausted continuations": cleanup_summary(
        stop_reason="continuations_exhausted",
        remaining_records=40_000,
        completion_percentage=62.55,
    ),
    "cleanup of a sequence": cleanup_summary(
        stop_reason="deadline",
        continued=True,
        remaining_records=None,
        total_records_found=None,
        completion_percentage=None,
        continuation=2,
        chain=Chain(started_at=NOW, records_deleted=200_000, execution_time_ms=1_700_000),
        archive=ArchiveFigures(objects=7, documents=66_814, bytes=4_000_000),
    ),
    "cleanup on a slow server": cleanup_summary(throttled=ThrottleFigures(times=12, paused_ms=34_000, slowdown=9.4)),
    "cleanup with nearly full storage": cleanup_summary(
        storage=Storage(
            used_bytes=5, limit_bytes=6, percent=83.3, growth_bytes_per_day=1, days_until_full=1.0, alert=True
        )
    ),
    "cleanup without progress": cleanup_summary(stop_reason="no_progress", records_deleted=0, remaining_records=9),
    "cleanup that could not count": cleanup_summary(
        total_records_found=None, remaining_records=None, completion_percentage=None, storage=None
    ),
    "cleanup dry run": cleanup_summary(
        dry_run=True, records_deleted=0, completion_percentage=0.0, estimate=Estimate(bytes=9_000_000, seconds=4.5)
    ),
    "cleanup dry run over the deletion limit": cleanup_summary(
        dry_run=True, records_deleted=0, completion_percentage=0.0, stop_reason="deletion_limit"
    ),
    "stats error after the notifications were sent": stats_error(
        stage="cleanup start", error="function joytify-playback-data-cleanup: Lambda throttled the call"
    ),
    "cleanup error": cleanup_error(),
    "cleanup error at the start": cleanup_error(test_mode=None, records_deleted=0, stage="secret"),
}
