"""Plays of generated users, and the statistics that the backend would derive from them."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from joytify_common.mongo import Document


@dataclass(frozen=True)
class Play:
    """One playback before it becomes a document."""

    user: int
    song: int
    artist: int
    seconds: float
    at: datetime


def elements(plays: Iterable[Play], now: datetime) -> list[Document]:
    """Return one element per month for a user's plays, which must be in order of time."""
    months: dict[tuple[int, int], list[Play]] = defaultdict(list)
    for play in plays:
        months[month_of(play.at)].append(play)
    made: list[Document] = []
    previous_total = 0.0
    for played in months.values():
        made.append(_element(played, previous_total, now))
        previous_total = sum(play.seconds for play in played)
    return made


def _element(plays: list[Play], previous_total: float, now: datetime) -> Document:
    songs, artists, hours = (defaultdict[int, float](float) for _ in range(3))
    for play in plays:
        songs[play.song] += play.seconds
        artists[play.artist] += play.seconds
        hours[play.at.hour] += play.seconds
    first, total = plays[0].at, sum(play.seconds for play in plays)
    top_songs = _longest_first(songs, {play.song: play.at for play in plays})
    top_artists = _longest_first(artists, {play.artist: play.at for play in plays})
    return {
        "songs": [{"song": object_id(now, 3, s), "totalDuration": d} for s, d in top_songs],
        "artists": [{"artist": object_id(now, 2, a), "totalDuration": d} for a, d in top_artists],
        "peakHour": [
            {"hour": hour, "totalDuration": seconds, "utilization": round(seconds / 36, 2)}
            for hour, seconds in sorted(hours.items())
        ],
        "summary": {
            "month": first.month,
            "year": first.year,
            "totalDuration": total,
            "growthPercentage": round(100 * (total - previous_total) / previous_total, 2) if previous_total else 0,
            "topArtist": "Unknown Artist",
            "topArtistTotalPlaybackTime": top_artists[0][1],
        },
        "createdAt": first,
        "updatedAt": plays[-1].at,
    }


def _longest_first(durations: dict[int, float], last: dict[int, datetime]) -> list[tuple[int, float]]:
    """Return the entries, longest first; among equal entries, the one whose last play is earlier comes first."""
    return sorted(durations.items(), key=lambda item: (-item[1], last[item[0]]))


def month_of(moment: datetime) -> tuple[int, int]:
    """Return the year and the month of a moment."""
    return moment.year, moment.month


def object_id(moment: datetime, kind: int, number: int) -> ObjectId:
    """Return the `_id` of a document created at this moment, by its kind and number."""
    return ObjectId(struct.pack(">IIL", int(moment.timestamp()), kind, number))
