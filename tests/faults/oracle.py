"""What must hold after any fault, found without the pipeline's own code: invariants 1 to 4 and 8 of the design."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from pymongo.database import Database

Document = dict[str, Any]

NOW = datetime.now(UTC).replace(microsecond=0)
CUTOFF = NOW - timedelta(days=60)
USERS, PLAYS = 400, 3000
SECRET = "s3cret-of-the-faults"  # noqa: S105 - of a test


@dataclass(frozen=True)
class World:
    """What was there before.

    Attributes:
        entitled: users who must have one notification.
        odd: users whose document cannot take it.
        retained: the plays that must stay, byte for byte.
        expired: ids of the plays that must go.
    """

    entitled: frozenset[ObjectId]
    odd: frozenset[ObjectId]
    retained: dict[Any, bytes]
    expired: frozenset[Any]


def fill(database: Database[Document], chance: Random) -> World:
    """Write users, statistics and plays, some of them odd."""
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
    old = {play["_id"] for play in plays if _is_expired(play)}
    retained = {play["_id"]: encode(play) for play in plays if play["_id"] not in old}
    return World(frozenset(entitled), frozenset(odd), retained, frozenset(old))


def _play(chance: Random) -> Document:
    at = NOW - timedelta(days=chance.uniform(0, 120))
    if abs(at - CUTOFF) < timedelta(hours=2):
        at = NOW
    at = at.replace(microsecond=0)
    odd: Any = chance.choice([at] * 12 + [[at], at.isoformat(), None])
    play = {"_id": ObjectId.from_datetime(at), "user": ObjectId(), "duration": 60.5, "createdAt": odd}
    # The time of the id, and a random rest.
    play["_id"] = ObjectId(play["_id"].binary[:4] + chance.randbytes(8))
    return {**play, "songs": []} if chance.random() < 0.05 else play


def _is_expired(play: Document) -> bool:
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
        yield f"{len(twice)} users have it more than once"
    if strangers := given.keys() - world.entitled:
        yield f"{len(strangers)} users have it who are not entitled"
    if ended_well and (without := world.entitled - given.keys()):
        yield f"{len(without)} of {len(world.entitled)} entitled users do not have it"


def broken_by_cleanup(database: Database[Document], world: World, *, ended_well: bool) -> Iterator[str]:
    """Yield each rule of the deletion that does not hold."""
    found = {play["_id"]: play for play in database.playbacks.find()}
    if lost := world.retained.keys() - found.keys():
        yield f"{len(lost)} retained plays are gone"
    if changed := [key for key, raw in world.retained.items() if key in found and encode(found[key]) != raw]:
        yield f"{len(changed)} retained plays have changed"
    if ended_well and (left := world.expired & found.keys()):
        yield f"{len(left)} expired plays are left although the run ended well"


def broken_by_output(output: str) -> Iterator[str]:
    """Yield what must not be in what a run wrote."""
    if SECRET in output:
        yield "a secret is in the output"
