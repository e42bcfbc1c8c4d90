"""Documents of any shape, made up by hypothesis: one that cannot be used affects no other user."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, encode
from cleanup_run import CUTOFF, NOW, clean_up
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from month_end import Outside, month_end
from pymongo.database import Database

Document = dict[str, Any]

OCTOBER = datetime(2026, 10, 5, tzinfo=UTC)
EXAMPLES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
# What a field may hold in a real collection.
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=8).filter(lambda text: "\0" not in text),
    st.binary(max_size=8),
    st.integers(86_400, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.builds(ObjectId),
    st.sampled_from([MinKey(), MaxKey(), Decimal128("NaN"), Decimal128("7.5"), Int64(5), Timestamp(1, 1), Regex("x")]),
)
KEYS = st.text("abcdefg$.", min_size=1, max_size=5).filter(lambda key: not key.startswith("$") and "." not in key)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=5
)


def fields(*names: str) -> st.SearchStrategy[Document]:
    """Make documents in which any of these fields holds anything, or is missing."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES))


USERS = fields("notifications", "userPreferences", "monthlyStatisticDelivery", "email")
STATS = fields("user", "stats", "createdAt")
# Most sessions were last active before the cutoff, so that their other fields decide.
LONG_AGO = st.just({"online": False, "lastActive": CUTOFF - timedelta(days=1)})
SESSIONS = st.builds(
    lambda odd, status: odd | ({} if status is None else {"status": status}),
    fields("status", "expiresAt", "user"),
    st.none() | LONG_AGO,
)
PLAYS = fields("user", "song", "artist", "duration", "createdAt", "songs", "state")


def healthy(database: Database[Document], count: int = 12) -> list[ObjectId]:
    """Make users who are in order, with statistics and plays."""
    users = [ObjectId() for _ in range(count)]
    wants = {"notifications": {"monthlyStatistic": True}}
    database.users.insert_many({"_id": user, "notifications": [], "userPreferences": wants} for user in users)
    database.stats.insert_many({"user": user, "stats": [{"createdAt": OCTOBER}]} for user in users[::2])
    play = {"song": ObjectId(), "artist": ObjectId(), "duration": 60.5, "createdAt": OCTOBER}
    database.playbacks.insert_many({**play, "user": user} for user in users)
    database.playbacks.create_index("user")
    return users


@EXAMPLES
@given(
    users=st.lists(USERS, max_size=4),
    stats=st.lists(STATS, max_size=4),
    plays=st.lists(PLAYS, max_size=4),
    data=st.data(),
)
def test_the_month_end_reaches_everyone_who_is_in_order(
    database: Database[Document],
    users: list[Document],
    stats: list[Document],
    plays: list[Document],
    data: st.DataObject,
) -> None:
    database.client.drop_database(database.name)
    good = healthy(database)
    odd = [ObjectId() for _ in users]
    database.users.insert_many([{**user, "_id": identity} for user, identity in zip(users, odd, strict=True)] or [{}])
    # Some of the odd documents belong to users who are in order, some to those who are not.
    for document in (*stats, *plays):
        if data.draw(st.booleans()):
            document["user"] = data.draw(st.sampled_from([*odd, *good]))
    database.stats.insert_many([{"stats": [{"createdAt": OCTOBER}], **document} for document in stats] or [{}])
    database.playbacks.insert_many([{"createdAt": OCTOBER, **document} for document in plays] or [{}])
    outside = Outside()

    month_end(database, outside, page=3, event={"rebuild": True})

    given_to = {user["_id"] for user in database.users.find({"_id": {"$in": good}, "notifications": {"$size": 1}})}
    harmed = {document.get("user") for document in stats if isinstance(document.get("user"), ObjectId)}
    assert given_to >= set(good) - harmed
    assert len(outside.backend.pushed) == len(set(outside.backend.pushed))
    assert outside.cleanups == ["started"]


@EXAMPLES
@given(plays=st.lists(PLAYS, max_size=6), sessions=st.lists(SESSIONS, max_size=4))
def test_cleanup_deletes_what_has_expired_and_no_odd_document(
    database: Database[Document], plays: list[Document], sessions: list[Document]
) -> None:
    database.client.drop_database(database.name)
    old, new = CUTOFF - timedelta(days=1), CUTOFF + timedelta(days=1)
    database.playbacks.insert_many([{"createdAt": old, "n": n} for n in range(5)])
    database.playbacks.insert_many([{"createdAt": new, "n": n} for n in range(5)])
    database.playbacks.insert_many(plays or [{}])
    database.sessions.insert_many(sessions or [{}])
    kept = [
        encode(document)
        for name in ("playbacks", "sessions")
        for document in database[name].find()
        if not may_go(name, document)
    ]

    clean_up(database, {"sweep": True}, batch_size=3, kinds=("playbacks", "sessions"))

    left = [encode(document) for name in ("playbacks", "sessions") for document in database[name].find()]
    assert set(kept) <= set(left)
    assert database.playbacks.count_documents({"n": {"$exists": True}, "createdAt": old}) == 0


def may_go(name: str, document: Document) -> bool:
    """Return whether a document has expired, as a person reads it."""
    at = document.get("createdAt") if name == "playbacks" else None
    if name == "sessions":
        ends = document.get("expiresAt")
        if ends is not None and not (isinstance(ends, datetime) and ends.replace(tzinfo=UTC) < NOW):
            return False
        at = document["status"].get("lastActive") if isinstance(document.get("status"), dict) else None
    return isinstance(at, datetime) and at.replace(tzinfo=UTC) < CUTOFF and "songs" not in document
