"""Checks the invariants of docs/reliability.md after a fault, without using the pipeline's code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from bson import ObjectId, encode
from pymongo.database import Database

Document = dict[str, Any]

NOW = datetime.now(UTC).replace(microsecond=0)
CUTOFF = NOW - timedelta(days=60)
USERS, PLAYS, SESSIONS = 400, 3000, 300
SECRET = "s3cret-of-the-faults"  # noqa: S105 - only in tests


@dataclass(frozen=True)
class World:
    """The state of the database before the run.

    Attributes:
        entitled: users who must have one notification.
        odd: users whose document cannot hold the notification.
        retained: plays and sessions that must remain unchanged, as bytes, by their ids.
        expired: plays and sessions that must be deleted, as bytes, by their ids.
    """

    entitled: frozenset[ObjectId]
    odd: frozenset[ObjectId]
    retained: dict[Any, bytes]
    expired: dict[Any, bytes]


def fill(database: Database[Document], chance: Random) -> World:
    """Write users, statistics, plays and sessions, some of them odd."""
    database.client.drop_database(database.name)
    month = (NOW.replace(day=1) - timedelta(days=1)).replace(day=5)
    users, stats = [], []
    entitled, odd = set[ObjectId](), set[ObjectId]()
    for _ in range(USERS):
        user, wants = ObjectId(), chance.random() < 0.8
        lists: Any = chance.choice([[], [], [], None, {}])
        users.append(
            {"_id": user, "notifications": lists, "userPreferences": {"notifications": {"monthlyStatistic": wants}}}
        )
        identity = chance.choice([ObjectId(), f"{user}", chance.randrange(1 << 40)])
        stats.append({"_id": identity, "user": user, "stats": [{"createdAt": month}]})
        if wants:
            (odd if lists == {} else entitled).add(user)
    database.users.insert_many(users)
    database.stats.insert_many([*stats, {"user": {"populated": 1}, "stats": [{"createdAt": month}]}])
    plays = [_play(chance) for _ in range(PLAYS)]
    database.playbacks.insert_many(plays)
    sessions = [_session(chance) for _ in range(SESSIONS)]
    database.sessions.insert_many(sessions)
    expired_ids = {each["_id"] for each in plays if _is_expired_play(each)}
    expired_ids |= {each["_id"] for each in sessions if _is_expired_session(each)}
    retained, expired = (
        {each["_id"]: encode(each) for each in plays + sessions if (each["_id"] in expired_ids) is wanted}
        for wanted in (False, True)
    )
    return World(frozenset(entitled), frozenset(odd), retained, expired)


def _play(chance: Random) -> Document:
    at = NOW - timedelta(days=chance.uniform(0, 120))
    if abs(at - CUTOFF) < timedelta(hours=2):
        at = NOW
    at = at.replace(microsecond=0)
    odd: Any = chance.choice([at] * 12 + [[at], at.isoformat(), None])
    play = {"_id": ObjectId.from_datetime(at), "user": ObjectId(), "duration": 60.5, "createdAt": odd}
    # Keep the time part of the id, and make the remaining bytes random.
    play["_id"] = ObjectId(play["_id"].binary[:4] + chance.randbytes(8))
    return {**play, "songs": []} if chance.random() < 0.05 else play


def _session(chance: Random) -> Document:
    """A session, recently active or not, that has ended, continues, or has no usable end."""
    active = (NOW - timedelta(days=chance.choice([1, 59, 61, 90, 200]))).replace(microsecond=0)
    odd: Any = chance.choice([active] * 8 + [[active], active.isoformat(), None])
    session = {"_id": ObjectId(), "user": ObjectId(), "status": {"online": False, "lastActive": odd}}
    ends = NOW + timedelta(days=chance.choice([-40, -1, 1, 29]))
    return session | chance.choice([{"expiresAt": ends}, {"expiresAt": ends}, {"expiresAt": None}, {}])


def _is_expired_session(session: Document) -> bool:
    active, ends = session["status"]["lastActive"], session.get("expiresAt")
    return isinstance(active, datetime) and active < CUTOFF and (ends is None or ends < NOW)


def _is_expired_play(play: Document) -> bool:
    return isinstance(play["createdAt"], datetime) and play["createdAt"] < CUTOFF and "songs" not in play


def broken_by_stats(database: Database[Document], world: World, *, ended_well: bool) -> Iterator[str]:
    """Yield each rule of the month end that does not hold."""
    months = list(database.notifications.find({"type": "monthlyStatistic"}))
    if len(months) > 1:
        yield f"{len(months)} notifications of the month"
    held: Counter[Any] = Counter()
    for user in database.users.find({"notifications": {"$type": "array"}}):
        held.update({user["_id"]: len(user["notifications"])})
    given = {user: count for user, count in held.items() if count}
    if twice := [user for user, count in given.items() if count > 1]:
        yield f"{len(twice)} users have the notification more than once"
    if strangers := given.keys() - world.entitled:
        yield f"{len(strangers)} users who are not entitled have the notification"
    if ended_well and (without := world.entitled - given.keys()):
        yield f"{len(without)} of {len(world.entitled)} entitled users do not have the notification"


def broken_by_cleanup(
    database: Database[Document], world: World, archived: dict[Any, bytes], *, ended_well: bool
) -> Iterator[str]:
    """Yield each rule of the deletion and of the archive that does not hold."""
    found = {each["_id"]: encode(each) for name in ("playbacks", "sessions") for each in database[name].find()}
    if lost := world.retained.keys() - found.keys():
        yield f"{len(lost)} retained documents are gone"
    if changed := [key for key, raw in world.retained.items() if found.get(key, raw) != raw]:
        yield f"{len(changed)} retained documents have changed"
    gone = world.expired.keys() - found.keys()
    if unsaved := [key for key in gone if archived.get(key) != world.expired[key]]:
        yield f"{len(unsaved)} deleted documents are not in the archive as they were"
    if ended_well and (left := world.expired.keys() & found.keys()):
        yield f"{len(left)} expired documents are left although the run ended well"


def broken_by_pushes(database: Database[Document], reports: list[Document], pushed: set[str]) -> Iterator[str]:
    """Yield a sentence if users were neither pushed nor counted as failed pushes in the reports."""
    given = database.users.count_documents({"notifications": {"$type": "array", "$ne": []}})
    counted = sum(each["data"].get("socketFailures") or 0 for each in reports)
    if len(pushed) + counted < given:
        yield f"{given} users have the notification, {len(pushed)} were pushed, {counted} counted as not pushed"


def broken_by_output(output: str, reports: list[Document], *, ended_well: bool) -> Iterator[str]:
    """Yield a sentence for each forbidden or missing text in the attempts' output and reports."""
    if SECRET in output or SECRET in str(reports):
        yield "a secret is in the output"
    if ended_well and not any(each["type"].endswith("_summary") for each in reports) and "ReportsLost" not in output:
        yield "no summary was published, and no ReportsLost metric was written"
