"""What is read of a user and how it is written, as stages of an aggregation: values only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from joytify_stats.elements import plays_of
from joytify_stats.period import month_before

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joytify_stats.period import Period

Stage = dict[str, Any]
# Whether a user without a statistics document gets one.
WithoutDocument = Literal["insert", "discard"]


def kept_of(stats: str, period: Period) -> list[Stage]:
    """Return the stages that give a user what is kept of the month and of the month before.

    That is `own`, the month's element; `before`, the duration of the month before; and `document`, in which the element
    is, or else the others are.

    Args:
        stats: name of the collection.
        period: the month.
    """
    kept = {"own": _of(period), "before": _of(month_before(period))}
    with_own = {"$filter": {"input": "$kept", "cond": {"$gt": ["$$this.own", None]}}}
    return [
        {
            "$lookup": {
                "from": stats,
                "localField": "_id",
                "foreignField": "user",
                "pipeline": [{"$project": kept}, {"$sort": {"_id": 1}}],
                "as": "kept",
            }
        },
        {
            "$project": {
                "own": {"$first": {"$filter": {"input": "$kept.own", "cond": {"$gt": ["$$this", None]}}}},
                "before": {"$max": "$kept.before.summary.totalDuration"},
                "document": {"$first": {"$concatArrays": [with_own, "$kept"]}},
            }
        },
    ]


def played_of(playbacks: str, musicians: str, period: Period) -> list[Stage]:
    """Return the stages that give a user `played`, the month's plays added up, and `musician`, the first artist's name.

    Users without plays are left out.

    Args:
        playbacks: name of the collection.
        musicians: name of the collection.
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
        {"$match": {"played.total.0": {"$exists": True}}},
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
    """Return the stages that count the users whose `own` differs from `element`, by part, and those without one.

    Args:
        parts: of an element.
        examples: most ids of users that are given.
    """
    differs = {part: {"$ne": [f"$own.{part}", f"$element.{part}"]} for part in parts}
    has_own = {"$gt": ["$own", None]}
    counts = {part: {"$sum": {"$cond": [{"$and": [has_own, each]}, 1, 0]}} for part, each in differs.items()}
    example = {"$cond": [{"$and": [has_own, {"$or": list(differs.values())}]}, "$_id", "$$REMOVE"]}
    summed = {
        "_id": None,
        "users": {"$sum": 1},
        "missing": {"$sum": {"$cond": [has_own, 0, 1]}},
        **counts,
        "examples": {"$push": example},
    }
    return [{"$group": summed}, {"$set": {"examples": {"$slice": ["$examples", examples]}}}]


def written_to(stats: str, period: Period, *, replace: bool, without_document: WithoutDocument) -> list[Stage]:
    """Return the stages that write each user's element into the document that is there now.

    Args:
        stats: name of the collection.
        period: the month.
        replace: whether an element that is there gives way.
        without_document: what becomes of a user without a document.
    """
    in_month, held = _in("$$this", period), {"$ifNull": ["$stats", []]}
    others = {"$filter": {"input": held, "cond": {"$not": in_month}}}
    is_there = {"$ne": [{"$filter": {"input": held, "cond": in_month}}, []]}
    with_new = {"$sortArray": {"input": {"$concatArrays": [others, "$$new.stats"]}, "sortBy": {"createdAt": 1}}}
    # By the document as it is when it is written: the backend may have added the element meanwhile.
    stays = False if replace else is_there
    changed = {
        "stats": {"$cond": [stays, "$stats", with_new]},
        "updatedAt": {"$cond": [stays, "$updatedAt", "$$NOW"]},
    }
    # A new one is the same however often it is made.
    document = {"_id": {"$ifNull": ["$document", "$_id"]}, "user": "$_id", "stats": ["$element"]}
    return [
        {"$project": {**document, "createdAt": "$$NOW", "updatedAt": "$$NOW"}},
        {
            "$merge": {
                "into": stats,
                "on": "_id",
                "whenMatched": [{"$set": changed}],
                "whenNotMatched": without_document,
            }
        },
    ]


def _in(each: str, period: Period) -> Stage:
    return {"$and": [{"$gte": [f"{each}.createdAt", period.start]}, {"$lt": [f"{each}.createdAt", period.end]}]}


def _of(period: Period) -> Stage:
    """Return the expression of the element of a month in `stats`; missing if there is none."""
    return {"$first": {"$filter": {"input": "$stats", "cond": _in("$$this", period)}}}
