"""Aggregation stages that read a user's statistics and plays, and write an element.

An element is the entry for one month in the list `stats` of a user's statistics document.
"""

from __future__ import annotations

from collections.abc import Sequence

from joytify_stats.elements import MAX_SECONDS, NO_LIST, Stage, plays_of, rounded
from joytify_stats.period import Period, month_before


def stored_statistics(stats: str, period: Period) -> list[Stage]:
    """Return the stages that read a user's stored statistics of the month and the month before.

    They return `own` (the month's element), `before` (the duration of the month before, or null),
    `document` (the document with the element, or else the first that can store an element) and
    `isOdd` (true if the user has statistics documents, but in each of them `stats` exists and is neither a list nor
    null).

    Args:
        stats: name of the collection.
        period: the month.
    """
    is_list = {"$in": [{"$type": "$stats"}, ["array", "missing", "null"]]}
    kept = {"own": _of(period), "before": _of(month_before(period.start)), "isList": is_list}
    with_own = {"$filter": {"input": "$kept", "cond": {"$gt": ["$$this.own", None]}}}
    with_list = {"$filter": {"input": "$kept", "cond": "$$this.isList"}}
    durations = {
        "$map": {
            "input": {
                "$filter": {
                    "input": "$kept.before.summary.totalDuration",
                    "cond": {"$and": [{"$isNumber": "$$this"}, {"$lt": ["$$this", MAX_SECONDS]}]},
                }
            },
            "in": {"$toDouble": "$$this"},
        }
    }
    return [
        {
            "$lookup": {
                "from": stats,
                "localField": "_id",
                "foreignField": "user",
                "pipeline": [{"$match": {"user": NO_LIST}}, {"$project": kept}, {"$sort": {"_id": 1}}],
                "as": "kept",
            }
        },
        {
            "$project": {
                "own": {"$first": {"$filter": {"input": "$kept.own", "cond": {"$gt": ["$$this", None]}}}},
                "before": {"$max": durations},
                "document": {"$first": {"$concatArrays": [with_own, with_list]}},
                "isOdd": {"$and": [{"$ne": ["$kept", []]}, {"$eq": [with_list, []]}]},
            }
        },
    ]


def played_of(playbacks: str, musicians: str, period: Period) -> list[Stage]:
    """Return the stages that read `played` (the month's sums) and `musician` (the artist with the longest total time).

    Users without documents in the month are left out; a user who has only invalid documents is kept.

    Args:
        playbacks: name of the collection of plays.
        musicians: name of the collection of artists.
        period: the month.
    """
    return [
        {
            "$lookup": {
                "from": playbacks,
                "localField": "_id",
                "foreignField": "user",
                "pipeline": plays_of(period),
                "as": "played",
            }
        },
        {"$set": {"played": {"$first": "$played"}}},
        {"$match": {"$or": [{"played.total.0": {"$exists": True}}, {"played.odd.0": {"$exists": True}}]}},
        {"$set": {"top": {"$first": "$played.artists._id"}}},
        {
            "$lookup": {
                "from": musicians,
                "localField": "top",
                "foreignField": "_id",
                "pipeline": [{"$project": {"name": 1}}],
                "as": "musician",
            }
        },
    ]


def differences_in(parts: Sequence[str], examples: int) -> list[Stage]:
    """Return the stages that count users whose stored element (`own`) is missing or differs from `element`.

    For each part of an element, the users for whom this part differs are counted separately.

    Users with `isOdd` are listed as `unwritable` instead of counted as users without `own`.

    Args:
        parts: names of the parts of an element.
        examples: maximum number of user ids to return.
    """
    differs = {part: {"$ne": [f"$kept.{part}", f"$made.{part}"]} for part in parts}
    counts = {part: {"$sum": {"$cond": [{"$and": ["$hasOwn", each]}, 1, 0]}} for part, each in differs.items()}
    example = {"$cond": [{"$and": ["$hasOwn", {"$or": list(differs.values())}]}, "$_id", "$$REMOVE"]}
    summed = {
        "_id": None,
        "users": {"$sum": 1},
        "missing": {"$sum": {"$cond": [{"$or": ["$hasOwn", "$isOdd"]}, 0, 1]}},
        "unwritable": {"$push": {"$cond": ["$isOdd", "$_id", "$$REMOVE"]}},
        **counts,
        "examples": {"$push": example},
    }
    return [
        {"$match": {"element": {"$exists": True}}},
        {
            "$project": {
                "hasOwn": {"$gt": ["$own", None]},
                "isOdd": 1,
                "kept": rounded("$own"),
                "made": rounded("$element"),
            }
        },
        {"$group": summed},
        {"$set": {"examples": {"$slice": ["$examples", examples]}}},
    ]


def change_to(user: object, element: object, period: Period, *, replace: bool) -> list[Stage]:
    """Return the update that adds a user's element to a statistics document.

    The server checks the document when it writes: an element that the backend has added in the
    meantime is kept, unless `replace` is set.

    Args:
        user: `_id` of the user.
        element: the element of the month.
        period: the month.
        replace: whether to replace an existing element.
    """
    in_month, held = _in("$$this", period), {"$ifNull": ["$stats", []]}
    others = {"$filter": {"input": held, "cond": {"$not": in_month}}}
    is_there = {"$ne": [{"$filter": {"input": held, "cond": in_month}}, []]}
    with_new = {"$concatArrays": [others, [{"$literal": element}]]}
    ordered = {"$sortArray": {"input": with_new, "sortBy": {"createdAt": 1}}}
    stays = False if replace else is_there
    made = {
        # If the update inserts a document, this `_id` ensures that concurrent runs insert only one.
        "_id": {"$ifNull": ["$_id", {"$literal": user}]},
        "user": {"$ifNull": ["$user", {"$literal": user}]},
        "createdAt": {"$cond": [{"$eq": [{"$type": "$_id"}, "missing"]}, "$$NOW", "$createdAt"]},
    }
    changed = {
        "stats": {"$cond": [stays, "$stats", ordered]},
        "updatedAt": {"$cond": [stays, "$updatedAt", "$$NOW"]},
    }
    return [{"$set": {**made, **changed}}]


def _in(each: str, period: Period) -> Stage:
    return {"$and": [{"$gte": [f"{each}.createdAt", period.start]}, {"$lt": [f"{each}.createdAt", period.end]}]}


def _of(period: Period) -> Stage:
    """Return the expression for the month's element in `stats`.

    The expression has no value if `stats` has no element of the month.
    """
    listed = {"$cond": [{"$isArray": "$stats"}, "$stats", []]}
    return {"$first": {"$filter": {"input": listed, "cond": _in("$$this", period)}}}
