"""Aggregation stages that compute a user's statistics of a month from plays, as the backend does.

The backend adds each play as it happens (trackPlaybackStats in
backend/src/services/stats.service.ts of JIAN11442/MERN-Joytify). Its sort is stable: of two songs
with the same duration, the song that reached this duration first comes first. Its percentages use
`toFixed(2)`, which rounds halves away from zero.
"""

from __future__ import annotations

from typing import Any

from joytify_stats.period import Period

Stage = dict[str, Any]

UNKNOWN_ARTIST = "Unknown Artist"
NUDGE = 0.001
# A comparison also matches an array if one of its elements matches, so arrays are excluded.
NO_LIST = {"$not": {"$type": "array"}}
MAX_SECONDS = 1e9
# Filter for valid plays according to the backend's model; `$gt: 0` also excludes NaN and values that are not numbers.
PLAYED = {
    "user": NO_LIST,
    "createdAt": NO_LIST,
    "duration": {"$gt": 0, "$lt": MAX_SECONDS, **NO_LIST},
    "song": {"$type": "objectId", **NO_LIST},
    "artist": {"$type": "objectId", **NO_LIST},
}


def plays_of(period: Period) -> list[Stage]:
    """Return the stages that sum a user's plays by song, artist and hour, and in total.

    They return the lists `songs`, `artists`, `hours`, `total` and `odd`. `odd` counts the month's documents that are
    not valid plays according to the backend's model; they are left out of the other lists.
    """
    longest_first = [{"$sort": {"totalDuration": -1, "last": 1, "_id": 1}}]
    played = {"$match": PLAYED}
    return [
        {"$match": {"createdAt": {"$gte": period.start, "$lt": period.end}}},
        {
            "$facet": {
                "songs": [played, _sums("$song"), *longest_first],
                "artists": [played, _sums("$artist"), *longest_first],
                "hours": [played, _sums({"$hour": "$createdAt"}), {"$sort": {"_id": 1}}],
                "total": [played, {"$group": {**_sums(None)["$group"], "first": {"$min": "$createdAt"}}}],
                "odd": [{"$match": {"$nor": [PLAYED]}}, {"$count": "plays"}],
            }
        },
    ]


def _sums(key: object) -> Stage:
    # One Decimal128 would make the whole sum a Decimal128, which Mongoose reads as an object.
    duration = {"$sum": {"$toDouble": "$duration"}}
    return {"$group": {"_id": key, "totalDuration": duration, "last": {"$max": "$createdAt"}}}


def element(period: Period) -> Stage:
    """Return the expression that computes the month's element.

    It reads `played` (the output of `plays_of`), `before` (the duration of the month before, or
    null) and `musician` (the artist with the longest total time; its `name` is read).
    """
    total = {"$first": "$played.total"}
    top = {"$first": "$played.artists"}
    name = {"$first": "$musician.name"}
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
            "topArtist": {"$cond": [{"$eq": [{"$type": name}, "string"]}, name, UNKNOWN_ARTIST]},
            "topArtistTotalPlaybackTime": _field(top, "totalDuration"),
        },
        "createdAt": _field(total, "first"),
        "updatedAt": _field(total, "last"),
    }


def rounded(element: str) -> Stage:
    """Return the expression that prepares an element for a comparison: lists sorted, durations rounded to milliseconds.

    Sums of floats depend on the order of the plays, and so do percentages of these sums and the
    order of songs with equal sums. Percentages follow from the durations and are left out.
    """

    def items(part: str, key: str) -> Stage:
        both = {key: f"$$this.{key}", "totalDuration": _rounded_seconds("$$this.totalDuration")}
        listed = {"$cond": [{"$isArray": f"{element}.{part}"}, f"{element}.{part}", []]}
        return {"$sortArray": {"input": {"$map": {"input": listed, "in": both}}, "sortBy": {key: 1}}}

    summary = f"{element}.summary"
    return {
        "songs": items("songs", "song"),
        "artists": items("artists", "artist"),
        "peakHour": items("peakHour", "hour"),
        "summary": {
            "month": f"{summary}.month",
            "year": f"{summary}.year",
            "totalDuration": _rounded_seconds(f"{summary}.totalDuration"),
            "topArtist": f"{summary}.topArtist",
            "topArtistTotalPlaybackTime": _rounded_seconds(f"{summary}.topArtistTotalPlaybackTime"),
        },
    }


def _rounded_seconds(seconds: str) -> Stage:
    return {"$cond": [{"$isNumber": seconds}, {"$round": [{"$toDouble": seconds}, 3]}, seconds]}


def _renamed(items: str, key: str) -> Stage:
    return {"$map": {"input": items, "in": {key: "$$this._id", "totalDuration": "$$this.totalDuration"}}}


def _field(document: Stage, field: str) -> Stage:
    return {"$getField": {"field": field, "input": document}}


def _growth(duration: Stage, before: str) -> Stage:
    change = {"$divide": [{"$subtract": [duration, before]}, before]}
    return {"$cond": [{"$gt": [before, 0]}, _percent(change), 0]}


def _percent(share: Stage) -> Stage:
    """Return the expression of a share as a percentage with two decimals."""
    # A binary float lies exactly between two values with two decimals only if it is an odd multiple
    # of 1/8. The server rounds such a number to the even digit.
    is_half = {"$eq": [{"$abs": {"$mod": [{"$multiply": ["$$percent", 8]}, 2]}}, 1]}
    away_from_zero = {"$cond": [{"$lt": ["$$percent", 0]}, -NUDGE, NUDGE]}
    nudged = {"$add": ["$$percent", {"$cond": [is_half, away_from_zero, 0]}]}
    return {"$let": {"vars": {"percent": {"$multiply": [share, 100]}}, "in": {"$round": [nudged, 2]}}}
