"""The month end on a real MongoDB.

It creates one notification and gives it to each entitled user once, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from bson import ObjectId
from month_end import FakeBackend, FakeServices, month_end, outcome_of
from pymongo.database import Database

from joytify_cli.data.verify import faults
from joytify_common.collections import PRODUCTION
from joytify_common.errors import ConfigError, JobError, TransientError
from joytify_common.events import MAX_CONTINUATIONS, parse_event
from joytify_stats.audience import MARK, Audience, Recipients
from joytify_stats.backend import KeyRefusedError
from joytify_stats.month_end import StatsEvent
from joytify_stats.rebuild import PAGE_USERS

OCTOBER = datetime(2026, 10, 5, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

Document = dict[str, Any]


def add_user(
    database: Database[Document], *, wants: bool = True, months: Sequence[datetime] = (OCTOBER,), documents: int = 1
) -> ObjectId:
    user = {"_id": ObjectId(), "userPreferences": {"notifications": {"monthlyStatistic": wants}}, "notifications": []}
    database.users.insert_one(user)
    for _ in range(documents):
        database.stats.insert_one({"user": user["_id"], "stats": [{"createdAt": month} for month in months]})
    identity: ObjectId = ObjectId(str(user["_id"]))
    return identity


def holders(database: Database[Document]) -> list[ObjectId]:
    """The id of every user who has a notification, repeated if the user has it more than once."""
    return [user["_id"] for user in database.users.find() for _ in user["notifications"]]


def test_entitled_users_and_nobody_else_get_the_notification_once(database: Database[Document]) -> None:
    entitled = {add_user(database) for _ in range(7)} | {add_user(database, documents=2)}
    add_user(database, wants=False)
    add_user(database, documents=0)
    add_user(database, months=[OCTOBER - timedelta(days=31), OCTOBER + timedelta(days=31)])
    outside = FakeServices()

    progress = month_end(database, outside)

    assert sorted(holders(database)) == sorted(entitled) == sorted(outside.backend.pushed)
    assert database.notifications.count_documents({}) == 1
    assert (progress.users_updated, progress.socket_users_notified) == (8, 8)
    assert outside.cleanups == ["started"]
    assert list(faults(database, PRODUCTION)) == []


@pytest.mark.parametrize(
    ("created", "counts"),
    [
        (datetime(2026, 10, 1, tzinfo=UTC), True),
        (datetime(2026, 10, 1, tzinfo=UTC) - MILLISECOND, False),
        (datetime(2026, 11, 1, tzinfo=UTC) - MILLISECOND, True),
        (datetime(2026, 11, 1, tzinfo=UTC), False),
    ],
    ids=["first instant", "before the first", "last millisecond", "after the last"],
)
def test_the_month_is_half_open_to_the_millisecond(
    database: Database[Document], created: datetime, *, counts: bool
) -> None:
    user = add_user(database, months=[created])

    month_end(database)

    assert holders(database) == ([user] if counts else [])


def test_the_notification_has_the_type_and_date_from_which_the_backend_derives_the_month(
    database: Database[Document],
) -> None:
    add_user(database)

    month_end(database, now=datetime(2026, 11, 24, tzinfo=UTC), event={"period": "2026-10"})

    (notification,) = database.notifications.find()
    assert notification["type"] == "monthlyStatistic"
    assert notification["createdAt"] == datetime(2026, 11, 24, tzinfo=UTC)
    assert list(faults(database, PRODUCTION)) == []


def test_a_second_run_delivers_nothing(database: Database[Document]) -> None:
    user = add_user(database)
    month_end(database)
    database.users.update_one({"_id": user}, {"$set": {"notifications": []}})
    add_user(database)
    outside = FakeServices()

    progress = month_end(database, outside)

    assert holders(database) == []
    assert progress.skipped == "2026-10 has been delivered already"
    assert outside.backend.calls == 0
    assert outside.cleanups == ["started"]


def test_a_retry_does_not_give_the_notification_again_to_a_user_who_removed_it(database: Database[Document]) -> None:
    """The first run dies after it has updated some users of a page, but before it has saved its progress."""
    users = [add_user(database) for _ in range(3)]
    month_end(database)
    database.pipelineDeliveries.update_one({}, {"$unset": {"finishedAt": 1, "after": 1}})
    database.users.update_one({"_id": users[0]}, {"$set": {"notifications": []}})
    database.users.update_one({"_id": users[1]}, {"$set": {"notifications": []}, "$unset": {MARK: 1}})

    progress = month_end(database)

    assert sorted(holders(database)) == sorted(users[1:])
    assert (database.notifications.count_documents({}), progress.users_updated) == (1, 1)


def test_a_user_with_two_statistics_documents_on_different_pages_is_notified_once(database: Database[Document]) -> None:
    """When the later page is processed, its user already has the notification from the earlier page."""
    users = [add_user(database) for _ in range(20)]
    database.stats.insert_many([{"user": user, "stats": [{"createdAt": OCTOBER}]} for user in users])
    outside = FakeServices()

    progress = month_end(database, outside, page=1)

    assert sorted(holders(database)) == sorted(users) == sorted(outside.backend.pushed)
    assert progress.users_updated == 20


def test_notified_users_are_pushed_even_if_another_page_fails(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a completed page, a retry finds that every user already has the notification.

    The retry does not push them, so the failed run must push them.
    """
    users = [add_user(database) for _ in range(9)]
    attach, calls = Audience.attach, count()

    def failing(self: Audience, notification: ObjectId, some: Sequence[ObjectId], held: Sequence[Any]) -> Recipients:
        if next(calls) == 0:
            raise TransientError("MongoDB did not answer")
        return attach(self, notification, some, held)

    monkeypatch.setattr(Audience, "attach", failing)
    outside = FakeServices()
    with pytest.raises(TransientError):
        month_end(database, outside, page=3)
    given = sorted(holders(database))
    pushed_at_first = sorted(outside.backend.pushed)
    month_end(database, outside, page=3)

    assert len(given) == 6
    assert pushed_at_first == given
    assert sorted(outside.backend.pushed) == sorted(users)


def test_concurrent_runs_give_the_notification_once_and_push_once(database: Database[Document]) -> None:
    users = [add_user(database) for _ in range(60)]
    outside = FakeServices()

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: month_end(database, outside), range(8)))

    assert sorted(holders(database)) == sorted(users) == sorted(outside.backend.pushed)
    assert database.notifications.count_documents({}) == 1
    assert sum(run.users_updated for run in runs) == 60


def test_a_continuation_works_on_the_collections_of_the_first_run_whatever_the_secret_says() -> None:
    first = parse_event(StatsEvent, {})

    assert first.runs_in_test_mode("test_auto")
    assert not first.following(testMode=False).runs_in_test_mode("test_auto")
    assert first.following(testMode=True).runs_in_test_mode("production")


def test_out_of_time_it_continues_where_it_stopped(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_stats.delivery.PAGE_SHARE", 1.0)
    users = [add_user(database) for _ in range(10)]
    outside = FakeServices()

    first = month_end(database, outside, seconds=20)
    monkeypatch.undo()
    (following,) = outside.continuations
    assert following["continuation"] == 1
    second = month_end(database, outside, event=following)

    assert (first.continued, first.users_updated, second.users_updated) == (True, 3, 7)
    assert (first.unfinished, second.unfinished) == (True, False)
    assert sorted(holders(database)) == sorted(users) == sorted(outside.backend.pushed)
    assert outside.cleanups == ["started"]


def add_play(database: Database[Document], user: ObjectId) -> None:
    play = {"user": user, "song": ObjectId(), "artist": ObjectId(), "duration": 60, "createdAt": OCTOBER}
    database.playbacks.insert_one(play)


def test_missing_statistics_are_built_before_their_users_are_notified(
    database: Database[Document],
) -> None:
    has, missed, silent = add_user(database), add_user(database, documents=0), add_user(database, documents=0)
    database.playbacks.create_index("user")
    for user in (has, missed):
        add_play(database, user)

    dry, dry_rebuild = (month_end(database, event={"rebuild": rebuild, "dryRun": True}) for rebuild in (False, True))
    progress = month_end(database, event={"rebuild": True})

    assert (dry.users_updated, dry_rebuild.users_updated, progress.users_updated) == (1, 1, 2)
    again = month_end(database, event={"rebuild": True, "dryRun": True})
    assert again.skipped == "2026-10 has been delivered already; a dry run does not build missing statistics"
    assert sorted(holders(database)) == sorted([has, missed])
    assert silent not in holders(database)
    built = database.stats.find_one({"user": missed})
    assert built is not None
    assert built["stats"][0]["summary"]["totalDuration"] == 60


def test_a_build_that_runs_out_of_time_continues_after_the_last_user_it_processed(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [add_user(database, documents=0) for _ in range(PAGE_USERS + 1)]
    database.playbacks.create_index("user")
    for user in (users[0], users[-1]):
        add_play(database, user)
    outside = FakeServices()

    monkeypatch.setattr("joytify_stats.month_end.REBUILD_SHARE", 1.0)
    first = month_end(database, outside, event={"rebuild": True})
    monkeypatch.undo()
    (following,) = outside.continuations
    assert following["rebuild"] is True
    second = month_end(database, outside, event=following)

    assert (first.continued, first.users_updated, second.users_updated) == (True, 0, 2)
    assert sorted(holders(database)) == sorted([users[0], users[-1]])


def test_a_sequence_ends_before_lambda_detects_a_loop_and_a_retry_finishes(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joytify_stats.delivery.PAGE_SHARE", 1.0)
    users = [add_user(database) for _ in range(10)]
    outside, last = FakeServices(), {"continuation": MAX_CONTINUATIONS}

    with pytest.raises(TransientError, match="2026-10 is not finished after 15 runs: invoke stats again"):
        month_end(database, outside, event=last, seconds=20)
    monkeypatch.undo()
    retry = month_end(database, outside, event=last)

    assert outside.continuations == []
    assert retry.users_updated == 7
    assert sorted(holders(database)) == sorted(users) == sorted(outside.backend.pushed)


@pytest.mark.parametrize(
    ("event", "unfinished"),
    [({}, False), ({"period": "2026-10"}, False), ({"period": "2026-09"}, True), ({"dryRun": True}, True)],
    ids=["as scheduled", "the same month by name", "an earlier month", "dry run"],
)
def test_only_a_delivery_for_the_last_month_counts_as_a_success(
    database: Database[Document], event: Document, *, unfinished: bool
) -> None:
    add_user(database)

    assert month_end(database, event=event).unfinished is unfinished


@pytest.mark.parametrize("wants", [None, False], ids=["no statistics", "nobody wants it"])
def test_no_notification_is_created_if_nobody_is_entitled(database: Database[Document], *, wants: bool | None) -> None:
    if wants is not None:
        add_user(database, wants=wants)

    progress = month_end(database)

    assert database.notifications.count_documents({}) == 0
    assert progress.skipped is not None
    assert progress.skipped.startswith("nobody ")


def test_a_dry_run_writes_nothing_and_starts_nothing(database: Database[Document]) -> None:
    add_user(database)
    outside = FakeServices()

    progress = month_end(database, outside, event={"dryRun": True})

    assert progress.users_updated == 1
    assert holders(database) == []
    assert database.notifications.count_documents({}) == 0
    assert (outside.backend.calls, outside.cleanups) == (0, [])


@pytest.mark.parametrize(
    ("error", "calls"),
    [(TransientError("the backend answered 503"), 3), (KeyRefusedError("the key was refused"), 1)],
    ids=["down", "key refused"],
)
def test_a_push_that_fails_is_counted_and_fails_nothing(
    database: Database[Document], error: JobError, calls: int
) -> None:
    users = [add_user(database) for _ in range(8)]
    outside = FakeServices(backend=FakeBackend(error=error))

    progress = month_end(database, outside)

    assert sorted(holders(database)) == sorted(users)
    assert (progress.socket_failures, progress.socket_failure) == (8, str(error))
    assert outside.backend.calls == calls
    assert outside.cleanups == ["started"]


def test_a_push_is_made_again_to_all_who_have_not_viewed_the_notification(database: Database[Document]) -> None:
    users = [add_user(database) for _ in range(8)]
    add_user(database, wants=False)
    down = FakeServices(backend=FakeBackend(error=TransientError("the backend answered 503")))
    before = outcome_of(database, down, event={"pushAgain": True})
    month_end(database, down)
    database.users.update_one({"_id": users[0]}, {"$set": {"notifications.0.viewed": True}})
    written = list(database.users.find())

    failed = outcome_of(database, down, event={"pushAgain": True})
    outside = FakeServices()
    dry = outcome_of(database, outside, event={"pushAgain": True, "dryRun": True})
    counted = list(outside.backend.pushed)
    done = outcome_of(database, outside, event={"pushAgain": True})
    late = outcome_of(database, outside, event={"pushAgain": True}, seconds=0)

    assert before.data["skipped"] == "the notification of 2026-10 does not exist, so there is nothing to push"
    # A push-again run stops at the first failure: unlike a month end, it has no other work while the backend recovers.
    assert failed.data["socketUsersNotified"] == 0
    assert 0 < failed.data["socketFailures"] <= 7
    assert failed.data["socketFailure"] == "the backend answered 503"
    assert failed.data["isComplete"] is False
    assert (dry.data["socketUsersNotified"], dry.data["isComplete"], counted) == (7, True, [])
    assert done.data == {
        "period": "2026-10",
        "dryRun": False,
        "socketUsersNotified": 7,
        "socketFailures": 0,
        "socketFailure": None,
        "isComplete": True,
    }
    assert sorted(outside.backend.pushed) == sorted(users[1:])
    assert late.data["isComplete"] is False
    assert (outside.cleanups, list(database.users.find())) == ([], written)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ConfigError("function cleanup: Lambda answered 404"), "function cleanup: Lambda answered 404"),
        (KeyError("stepfunctions"), "unexpected KeyError at stage cleanup start; the log has the traceback"),
    ],
    ids=["refused", "unexpected"],
)
def test_a_failure_to_start_cleanup_is_reported_and_the_notifications_stay(
    database: Database[Document], error: Exception, says: str
) -> None:
    user = add_user(database)

    progress = month_end(database, FakeServices(cleanup_error=error))

    assert holders(database) == [user]
    assert (progress.users_updated, progress.cleanup_triggered, progress.cleanup_failure) == (1, False, says)


@pytest.mark.parametrize("event", [{"after": {"$maxKey": 1}}, {"rebuildAfter": {"$maxKey": 1}, "rebuild": True}])
def test_no_event_can_skip_users(database: Database[Document], event: Document) -> None:
    """The position is stored in the database, so that an event written by hand cannot skip users."""
    with pytest.raises(ConfigError, match="unknown key"):
        month_end(database, event={**event, "continuation": 1})
