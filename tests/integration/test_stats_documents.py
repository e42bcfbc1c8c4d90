"""The month end on the kinds of documents that real collections contain.

A document that cannot be used affects only its own user.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Decimal128, Int64, MaxKey, ObjectId, Regex
from month_end import NOW, FakeServices, month_end, outcome_of
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from joytify_common.errors import PermanentError, TransientError
from joytify_common.outcome import Failed
from joytify_stats.audience import MARK, Audience, Recipients

OCTOBER = datetime(2026, 10, 5, tzinfo=UTC)
WANTS = {"notifications": {"monthlyStatistic": True}}
ELEMENT = [{"createdAt": OCTOBER}]
LARGEST = 16 * 1024 * 1024

Document = dict[str, Any]


def add_users(database: Database[Document], count: int, **fields: Any) -> list[ObjectId]:
    users = [ObjectId() for _ in range(count)]
    if users:
        whole = {"userPreferences": WANTS, "notifications": [], **fields}
        database.users.insert_many({"_id": user, **whole} for user in users)
        database.stats.insert_many({"user": user, "stats": ELEMENT} for user in users)
    return users


def notified(database: Database[Document]) -> list[ObjectId]:
    """Return the user id once per notification entry, sorted."""
    per_entry = {"$unwind": "$notifications"}
    return sorted(user["_id"] for user in database.users.aggregate([per_entry, {"$project": {"_id": 1}}]))


def run_both(database: Database[Document], outside: FakeServices, **how: Any) -> Any:
    """Run dry and then in earnest: what the dry run says must be what the run does."""
    dry = month_end(database, event={"dryRun": True}, **how)
    progress = month_end(database, outside, **how)
    figures = ("users_processed", "users_updated", "users_skipped")
    assert [getattr(dry, name) for name in figures] == [getattr(progress, name) for name in figures]
    return progress


@pytest.mark.parametrize(
    "user",
    [{"_id": ObjectId(), "username": "populated"}, [ObjectId()], [], None, "6b0ac61fa839d76f7e0429b0", 7, Regex("x")],
    ids=["populated", "list", "empty list", "null", "text", "number", "expression"],
)
@pytest.mark.parametrize("page", [1, 100])
def test_statistics_without_a_valid_user_do_not_stop_the_run(
    database: Database[Document], user: object, page: int
) -> None:
    users = add_users(database, 20)
    database.stats.insert_one({"user": user, "stats": ELEMENT})
    database.stats.insert_one({"stats": ELEMENT})
    users += add_users(database, 20)
    outside = FakeServices()

    progress = run_both(database, outside, page=page)

    assert notified(database) == users == sorted(outside.backend.pushed)
    assert (progress.users_processed, progress.users_updated, progress.users_skipped) == (42, 40, 2)


@pytest.mark.parametrize("notifications", [{}, {"0": {}}, "none", 5, True, ObjectId("0" * 24)], ids=str)
def test_notifications_that_are_no_list_are_skipped_and_counted(
    database: Database[Document], notifications: object
) -> None:
    users = add_users(database, 3) + add_users(database, 2, notifications=None)
    database.users.update_one({"_id": users[0]}, {"$unset": {"notifications": 1}})
    (odd,) = add_users(database, 1, notifications=notifications)
    users += add_users(database, 3)
    outside = FakeServices()

    progress = run_both(database, outside, page=4)

    assert notified_lists(database) == users == sorted(outside.backend.pushed)
    assert (progress.users_updated, progress.users_skipped) == (8, 1)
    left = database.users.find_one({"_id": odd})
    assert left is not None
    assert left["notifications"] == notifications


def notified_lists(database: Database[Document]) -> list[ObjectId]:
    return sorted(user["_id"] for user in database.users.find({"notifications": {"$size": 1}}))


def fill_up(database: Database[Document], user: ObjectId) -> None:
    """Make a user's document as large as MongoDB allows."""
    found = database.users.find_one({"_id": user})
    assert found is not None
    size = next(database.users.aggregate([{"$match": {"_id": user}}, {"$project": {"n": {"$bsonSize": "$$ROOT"}}}]))[
        "n"
    ]
    database.users.update_one({"_id": user}, {"$set": {"pad": "x" * (LARGEST - size - 14)}})


@pytest.mark.parametrize("page", [1, 7, 100])
def test_users_who_cannot_be_written_are_skipped_alone(database: Database[Document], page: int) -> None:
    """One user's document has reached 16 MB (error 17419), another violates a validator (error 121)."""
    users = add_users(database, 60)
    fill_up(database, users[11])
    database.command("collMod", "users", validator={"blocked": {"$ne": True}})
    database.users.update_one({"_id": users[40]}, {"$set": {"blocked": True}}, bypass_document_validation=True)
    outside = FakeServices()

    progress = month_end(database, outside, page=page)

    others = [user for user in users if user not in {users[11], users[40]}]
    assert notified(database) == others == sorted(outside.backend.pushed)
    assert (progress.users_updated, progress.users_skipped) == (58, 2)
    assert outside.cleanups == ["started"]


def test_a_skipped_user_is_notified_after_the_document_is_repaired(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same holds if another run continued the run that skipped the user."""
    users = add_users(database, 9)
    database.users.update_one({"_id": users[1]}, {"$set": {"notifications": {}}})
    monkeypatch.setattr("joytify_stats.delivery.PAGE_SHARE", 1.0)
    outside = FakeServices()
    first = month_end(database, outside, page=3, seconds=20)
    monkeypatch.undo()
    second = month_end(database, outside, event=outside.continuations[0], page=3)
    assert (first.users_skipped, first.continued, second.users_skipped, second.continued) == (1, True, 0, False)

    assert month_end(database, outside).users_skipped == 1
    database.users.update_one({"_id": users[1]}, {"$set": {"notifications": []}})
    repaired = month_end(database, outside)

    assert (repaired.users_updated, repaired.users_skipped) == (1, 0)
    assert notified(database) == users == sorted(outside.backend.pushed)
    assert month_end(database, outside).skipped == "2026-10 has been delivered already"


STRICT = {"userPreferences.notifications.monthlyStatistic": True, "email": {"$exists": True}}


def refuse(database: Database[Document], users: Sequence[ObjectId]) -> None:
    """Make these users violate the validator, like documents that were written before the validator existed."""
    database.users.update_many({}, {"$set": {"email": "ann@example.com"}})
    database.users.update_many({"_id": {"$in": list(users)}}, {"$unset": {"email": 1}})
    database.command("collMod", "users", validator=STRICT)


@pytest.mark.parametrize("page", [10, 25, 100])
def test_users_rejected_by_the_validator_do_not_stop_the_others_in_any_run(
    database: Database[Document], page: int
) -> None:
    """The oldest users violate a newer validator. After the first run only they are left, and are tried again."""
    users = add_users(database, 60)
    refuse(database, users[:25])
    outside = FakeServices()

    first = month_end(database, outside, page=page)
    second = month_end(database, outside, page=page)
    database.users.update_one({"_id": users[3]}, {"$set": {"email": "bob@example.com"}})
    third = month_end(database, outside, page=page)

    assert [(run.users_updated, run.users_skipped) for run in (first, second, third)] == [(35, 25), (0, 25), (1, 24)]
    assert notified(database) == sorted([users[3], *users[25:]])


@pytest.mark.parametrize("failing", [False, True])
def test_a_skipped_user_is_remembered_even_if_the_run_fails_or_continues(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, *, failing: bool
) -> None:
    """The first page is skipped as a whole, before anybody got the notification; then the run fails or continues."""
    users = add_users(database, 9)
    database.users.update_many({"_id": {"$in": users[:3]}}, {"$set": {"notifications": {}}})
    outside = FakeServices()
    if failing:
        attach = Audience.attach

        def fail(self: Audience, notification: ObjectId, some: Sequence[ObjectId], held: Sequence[Any]) -> Recipients:
            if users[8] in some:
                raise TransientError("MongoDB did not answer")
            return attach(self, notification, some, held)

        monkeypatch.setattr(Audience, "attach", fail)
        with pytest.raises(TransientError):
            month_end(database, outside, page=3)
    else:
        monkeypatch.setattr("joytify_stats.delivery.PAGE_SHARE", 1.0)
        month_end(database, outside, page=3, seconds=20)
    monkeypatch.undo()
    month_end(database, outside, event=None if failing else outside.continuations[0], page=3)
    database.users.update_many({"notifications": {}}, {"$set": {"notifications": []}})

    month_end(database, outside, page=3)

    assert notified(database) == users == sorted(outside.backend.pushed)


def test_users_are_counted_as_failed_pushes_if_it_is_unknown_whether_they_were_notified(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update succeeds, but its response is lost, and the query for the notified users fails too."""
    add_users(database, 6)
    update = Collection.update_many

    def lost(self: Collection[Document], *args: Any, **options: Any) -> Any:
        update(self, *args, **options)
        monkeypatch.setattr(Collection, "find", lose)
        raise ConnectionFailure

    def lose(*_: Any, **__: Any) -> None:
        raise ConnectionFailure

    monkeypatch.setattr("joytify_common.mongo.ATTEMPTS", 1)
    monkeypatch.setattr(Collection, "update_many", lost)
    outside = FakeServices()

    report = failed(database, outside)

    assert (report.users_updated, report.pushes.failures) == (0, 6)
    assert report.pushes.failure == "MongoDB did not report which users got the notification"


@pytest.mark.parametrize(
    "error", [ConnectionFailure(), OperationFailure("you are over your space quota, using 513 MB of 512 MB", 8000)]
)
def test_notified_users_are_pushed_even_if_mongodbs_response_was_lost(
    database: Database[Document], monkeypatch: pytest.MonkeyPatch, error: PyMongoError
) -> None:
    """The same holds if MongoDB rejects the update half-way."""
    users = add_users(database, 6)
    update = Collection.update_many

    def lost(self: Collection[Document], *args: Any, **options: Any) -> Any:
        update(self, *args, **options)
        raise error

    monkeypatch.setattr("joytify_common.mongo.ATTEMPTS", 1)
    monkeypatch.setattr(Collection, "update_many", lost)
    outside = FakeServices()

    report = failed(database, outside)

    assert (report.users_updated, report.pushes.failures) == (6, 0)
    assert sorted(outside.backend.pushed) == users


def failed(database: Database[Document], outside: FakeServices) -> Any:
    """Run once, and return the report of a failure."""
    outcome = outcome_of(database, outside)
    assert isinstance(outcome, Failed)
    return outcome.report


def test_it_is_an_error_if_a_validator_rejects_the_delivery_mark_for_every_user(database: Database[Document]) -> None:
    known: Document = {"_id": {}, "userPreferences": {}, "notifications": {}}
    add_users(database, 40)
    database.command(
        "collMod", "users", validator={"$jsonSchema": {"properties": known, "additionalProperties": False}}
    )
    outside = FakeServices()

    with pytest.raises(PermanentError, match="code 121"):
        month_end(database, outside, page=100)

    assert notified(database) == outside.backend.pushed == outside.cleanups == []
    database.command("collMod", "users", validator={})
    assert month_end(database, outside, page=100).users_updated == 40


IDS: Sequence[Any] = (
    None,
    -4.5,
    Int64(7),
    Decimal128("7.5"),
    "text",
    {"compound": 1, "of": ObjectId()},
    b"bytes",
    ObjectId(),
    True,
    datetime(1, 1, 1, tzinfo=UTC),
    OCTOBER,
    MaxKey(),
)


@pytest.mark.parametrize("page", [1, 2, 100])
def test_statistics_with_ids_of_every_type_are_all_found(database: Database[Document], page: int) -> None:
    users = add_users(database, 5)
    more = [ObjectId() for _ in range(len(IDS) + 900)]
    database.users.insert_many({"_id": user, "userPreferences": WANTS, "notifications": []} for user in more)
    ids = [*IDS, *(f"{number:024x}" for number in range(900))]
    database.stats.insert_many(
        {"_id": identity, "user": user, "stats": ELEMENT} for identity, user in zip(ids, more, strict=True)
    )
    outside = FakeServices()

    progress = month_end(database, outside, page=page)

    assert notified(database) == sorted(users + more) == sorted(outside.backend.pushed)
    assert (progress.users_updated, progress.users_skipped) == (len(users + more), 0)


def test_later_runs_resume_after_every_id_type(database: Database[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run does one page of one document."""
    monkeypatch.setattr("joytify_stats.delivery.PAGE_SHARE", 1.0)
    users = [ObjectId() for _ in IDS]
    database.users.insert_many({"_id": user, "userPreferences": WANTS, "notifications": []} for user in users)
    database.stats.insert_many({"_id": i, "user": u, "stats": ELEMENT} for i, u in zip(IDS, users, strict=True))
    outside = FakeServices()
    for _ in IDS:
        month_end(database, outside, page=1, seconds=20)

    assert notified(database) == sorted(users) == sorted(outside.backend.pushed)


@pytest.mark.parametrize(
    ("preferences", "wants"),
    [
        ({}, True),
        ({"userPreferences": {}}, True),
        ({"userPreferences": {"notifications": {}}}, True),
        ({"userPreferences": {"notifications": {"monthlyStatistic": False}}}, False),
        ({"userPreferences": {"notifications": {"monthlyStatistic": None}}}, False),
        ({"userPreferences": {"notifications": None}}, False),
        ({"userPreferences": None}, False),
        ({"userPreferences": {"notifications": {"monthlyStatistics": False}}}, False),
        ({"userPreferences": {"notifications": {"monthlyStatistics": True}}}, True),
        ({"userPreferences": {"notifications": {"monthlyStatistics": False, "monthlyStatistic": True}}}, True),
    ],
    ids=str,
)
def test_a_user_who_never_set_the_preference_has_the_apps_default(
    database: Database[Document], preferences: Document, *, wants: bool
) -> None:
    user = ObjectId()
    database.users.insert_one({"_id": user, **preferences})
    database.stats.insert_one({"user": user, "stats": ELEMENT})

    progress = run_both(database, FakeServices())

    assert progress.users_updated == wants
    assert notified(database) == [user] * wants


def add_earlier_notification(database: Database[Document], users: Sequence[ObjectId], created: datetime) -> ObjectId:
    identity = ObjectId()
    database.notifications.insert_one({"_id": identity, "type": "monthlyStatistic", "createdAt": created})
    entry = {"id": identity, "viewed": False, "read": False}
    database.users.update_many({"_id": {"$in": list(users)}}, {"$push": {"notifications": entry}})
    return identity


def test_the_previous_systems_notification_is_adopted_as_the_months_notification(database: Database[Document]) -> None:
    users = add_users(database, 20)
    adopted = add_earlier_notification(database, users[:12], datetime(2026, 11, 1, 2, tzinfo=UTC))
    add_earlier_notification(database, users, datetime(2026, 10, 1, 2, tzinfo=UTC))
    database.notifications.insert_one({"type": "systemAnnouncement", "createdAt": NOW})
    outside = FakeServices()

    progress = run_both(database, outside)
    again = month_end(database, outside)

    assert sorted(outside.backend.pushed) == users[12:]
    assert (progress.users_updated, progress.notification_adopted) == (8, True)
    assert progress.notification_id == str(adopted)
    assert database.users.count_documents({"notifications": {"$size": 2}, "notifications.id": adopted}) == 20
    assert again.skipped == "2026-10 has been delivered already"


def test_a_user_with_any_of_several_notifications_of_the_month_counts_as_notified(database: Database[Document]) -> None:
    """The previous system ran twice, and each run created a notification.

    The previous system is joytify-app's scheduler, which this project replaces.
    """
    users = add_users(database, 9)
    first = add_earlier_notification(database, users[:4], datetime(2026, 11, 1, 2, tzinfo=UTC))
    add_earlier_notification(database, users[4:6], datetime(2026, 11, 20, tzinfo=UTC))
    outside = FakeServices()

    progress = month_end(database, outside, now=datetime(2026, 11, 28, tzinfo=UTC))

    assert notified(database) == users
    assert sorted(outside.backend.pushed) == users[6:]
    assert progress.notification_id == str(first)


def test_a_month_whose_users_the_previous_system_notified_counts_as_delivered(database: Database[Document]) -> None:
    users = add_users(database, 4)
    add_earlier_notification(database, users, datetime(2026, 11, 1, 2, tzinfo=UTC))
    outside = FakeServices()

    progress = month_end(database, outside)
    add_users(database, 1)
    again = month_end(database, outside)

    assert (progress.users_updated, progress.skipped) == (0, None)
    assert again.skipped == "2026-10 has been delivered already"
    assert notified(database) == users


def test_a_user_who_removed_a_notification_sent_by_an_earlier_version_of_stats_does_not_get_it_again(
    database: Database[Document],
) -> None:
    users = add_users(database, 3)
    identity = add_earlier_notification(database, [], datetime(2026, 11, 1, 2, tzinfo=UTC))
    database.users.update_one({"_id": users[0]}, {"$set": {MARK: {"notification": identity, "run": "an-id 6b0a"}}})

    assert month_end(database).users_updated == 2
    assert notified(database) == users[1:]


def test_a_deleted_notification_is_reported_and_sent_again_with_resend(database: Database[Document]) -> None:
    users = add_users(database, 6)
    outside = FakeServices()
    month_end(database, outside)
    database.notifications.delete_many({})
    outside.backend.pushed.clear()

    told = run_both(database, outside)
    assert "was deleted after it had been sent" in told.skipped
    assert "joytify invoke stats --period 2026-10 --resend sends another" in told.skipped
    assert outside.backend.pushed == []

    dry = month_end(database, outside, event={"resend": True, "dryRun": True})
    assert (dry.users_updated, database.notifications.count_documents({})) == (6, 0)
    progress = month_end(database, outside, event={"resend": True})
    repeated = month_end(database, outside, event={"resend": True})

    (notification,) = database.notifications.find()
    assert sorted(outside.backend.pushed) == users
    assert progress.users_updated == 6
    assert database.users.count_documents({"notifications.id": notification["_id"]}) == 6
    assert repeated.skipped == "2026-10 has been delivered already"


@pytest.mark.parametrize("identity", ["text", {"year": 2026}, 5], ids=str)
def test_a_notification_with_an_id_that_the_app_cannot_find_is_not_given_to_others(
    database: Database[Document], identity: object
) -> None:
    users = add_users(database, 4)
    database.notifications.insert_one(
        {"_id": identity, "type": "monthlyStatistic", "createdAt": datetime(2026, 11, 1, 2, tzinfo=UTC)}
    )
    database.users.update_one({"_id": users[0]}, {"$push": {"notifications": {"id": identity}}})

    progress = month_end(database)

    assert (progress.users_updated, progress.notification_adopted) == (3, False)
    assert notified(database) == users


def test_the_delivery_mark_is_the_only_field_that_the_pipeline_adds(database: Database[Document]) -> None:
    add_users(database, 1)

    month_end(database)

    (notification,), (user,) = database.notifications.find(), database.users.find()
    assert set(notification) == {"_id", "type", "createdAt", "updatedAt"}
    assert set(user) == {"_id", "userPreferences", "notifications", MARK}
    assert user[MARK].keys() == {"notification", "run"}


def test_statistics_that_are_no_list_are_counted_and_stop_nobody(database: Database[Document]) -> None:
    users = add_users(database, 4)
    for stats in ({"createdAt": NOW}, "October", 3):
        database.stats.insert_one({"user": ObjectId(), "stats": stats})
    database.stats.insert_many([{"user": ObjectId(), "stats": None}, {"user": ObjectId()}])

    progress = month_end(database, FakeServices())

    assert (progress.users_updated, progress.users_skipped) == (len(users), 3)
