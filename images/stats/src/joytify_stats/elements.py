"""A user's statistics of a month from the plays, as the backend counts them: aggregation stages, values only.

The backend adds each play as it happens (trackPlaybackStats in backend/src/services/stats.service.ts of
JIAN11442/MERN-Joytify). Its sort is stable, so of two songs with the same duration the one comes first that reached it
first; its percentages are `toFixed(2)`, which rounds a half away from zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joytify_stats.period import Period

Stage = dict[str, Any]

UNKNOWN_ARTIST = "Unknown Artist"
NUDGE = 0.001


def plays_of(period: Period) -> list[Stage]:
    """Return the stages that make of one user's plays `songs`, `artists`, `hours` and `total`, each a list."""
    longest_first = [{"$sort": {"totalDuration": -1, "last": 1, "_id": 1}}]
    return [
        {"$match": {"createdAt": {"$gte": period.start, "$lt": period.end}}},
        {
            "$facet": {
                "songs": [_sums("$song"), *longest_first],
                "artists": [_sums("$artist"), *longest_first],
                "hours": [_sums({"$hour": "$createdAt"}), {"$sort": {"_id": 1}}],
                "total": [{"$group": {**_sums(None)["$group"], "first": {"$min": "$createdAt"}}}],
            }
        },
    ]


def _sums(key: object) -> Stage:
    return {"$group": {"_id": key, "totalDuration": {"$sum": "$duration"}, "last": {"$max": "$createdAt"}}}


def element(period: Period) -> Stage:
    """Return the expression of the element.

    It reads `played`, what `plays_of` makes; `before`, the duration of the month before, or null; and `musician`, the
    names that the first artist has.
    """
    total = {"$first": "$played.total"}
    top = {"$first": "$played.artists"}
    return {
        "songs": _renamed("$played.songs", "song"),
        "artists": _renamed("$played.artists", "artist"),
        "peakHour": {
            "$map": {
                "input": "$played.hours",
                "in": {
                    "hour": "$$this._id",
                    "totalDuration": "$$this.totalDuration",
                    "utilization": _percent({"$divide": ["$$this.totalDuration", 3600]}),
                },
            }
        },
        "summary": {
            "month": {"$literal": period.start.month},
            "year": {"$literal": period.start.year},
            "totalDuration": _field(total, "totalDuration"),
            "growthPercentage": _growth(_field(total, "totalDuration"), "$before"),
            "topArtist": {"$ifNull": [{"$first": "$musician.name"}, UNKNOWN_ARTIST]},
            "topArtistTotalPlaybackTime": _field(top, "totalDuration"),
        },
        "createdAt": _field(total, "first"),
        "updatedAt": _field(total, "last"),
    }


def _renamed(items: str, key: str) -> Stage:
    return {"$map": {"input": items, "in": {key: "$$this._id", "totalDuration": "$$this.totalDuration"}}}


def _field(document: Stage, field: str) -> Stage:
    return {"$getField": {"field": field, "input": document}}


def _growth(duration: Stage, before: str) -> Stage:
    change = {"$divide": [{"$subtract": [duration, before]}, before]}
    return {"$cond": [{"$gt": [before, 0]}, _percent(change), 0]}


def _percent(share: Stage) -> Stage:
    """Return the expression of a share as a percentage with two decimals."""
    # Exactly between two of them are only odd eighths, which the server rounds to the even digit.
    is_half = {"$eq": [{"$abs": {"$mod": [{"$multiply": ["$$percent", 8]}, 2]}}, 1]}
    away_from_zero = {"$cond": [{"$lt": ["$$percent", 0]}, -NUDGE, NUDGE]}
    nudged = {"$add": ["$$percent", {"$cond": [is_half, away_from_zero, 0]}]}
    return {"$let": {"vars": {"percent": {"$multiply": [share, 100]}}, "in": {"$round": [nudged, 2]}}}
