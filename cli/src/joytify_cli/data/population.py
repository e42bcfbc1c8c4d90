"""A generated population: users with playbacks, statistics and sessions.

Each document is computed from its number, and no document is kept in memory, so a million users
need no more memory than one user. Since each document can be computed again, the expected results
of a month end are counted without the pipeline and without the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from math import gcd

from bson import ObjectId

from joytify_cli.data.spread import Rotation, Timeline
from joytify_cli.data.statistics import Play, elements, month_of, object_id
from joytify_common.mongo import Document

SPREAD_DAYS = 90
RETENTION_DAYS = 60
# The backend's TTL index removes a session this long after its last refresh.
SESSION_LASTS = timedelta(days=30)
UNDATED = 20
ARTISTS, SONGS_EACH = 40, 10
HASH_MULTIPLIER = 2654435761
# Users with a special property, by their position in each group of 20 users.
GROUP = 20
OPTED_OUT, WITHOUT_STATISTICS = {3, 11, 17}, {5, 11}
# Users who have not set the notification preference; the app's default is on.
WITHOUT_CHOICE = {1}
# Users with two statistics documents.
TWICE = {7}
# Users who already have the month's notification, which was created without this pipeline.
ALREADY_NOTIFIED = {13}


@dataclass(frozen=True)
class Expected:
    """The effect that the month end must have on a population.

    Attributes:
        entitled: users who must have the notification afterwards.
        already_notified: entitled users who have it before the run.
        expired_playbacks: number of playbacks older than the retention period.
        expired_sessions: number of sessions idle for longer than the retention period.
    """

    entitled: frozenset[ObjectId]
    already_notified: frozenset[ObjectId]
    expired_playbacks: int
    expired_sessions: int


@dataclass(frozen=True, kw_only=True)
class Population:
    """Users with their activity over a number of days.

    Attributes:
        users: number of users.
        playbacks_per_user: average number of playbacks per user.
        now: end of the period over which documents are spread, UTC.
        shuffle: whether playbacks come in scattered order instead of in order of time.
        days: number of days over which playbacks and sessions are spread.
        expired_share: share of playbacks and sessions older than the retention period; None spreads them evenly.
        active_share: share of users who play three times as much, as in the capacity model.
        seed: below 2^24; populations with different seeds can share one database.
    """

    users: int
    playbacks_per_user: int
    now: datetime
    shuffle: bool = False
    days: int = SPREAD_DAYS
    expired_share: float | None = None
    active_share: float = 0.0
    seed: int = 0

    @cached_property
    def _registration_time(self) -> datetime:
        return self.now - timedelta(days=400)

    @property
    def _month_start(self) -> datetime:
        return self.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)

    @property
    def notification(self) -> ObjectId:
        """`_id` of the last complete month's notification, the same for every seed."""
        return object_id(self._month_start, 5, 0)

    @property
    def playbacks(self) -> int:
        """Number of playbacks with a usable date."""
        return self.users * self.playbacks_per_user

    @property
    def undated(self) -> int:
        """Number of additional playbacks without a usable date."""
        return min(UNDATED, self.playbacks)

    @property
    def cutoff(self) -> datetime:
        """The moment before which a document is expired."""
        return self.now - timedelta(days=RETENTION_DAYS)

    def user_id(self, user: int) -> ObjectId:
        """Return the `_id` of a user."""
        return self._object_id(self._registration_time, 1, user)

    def wants(self, user: int) -> bool:
        """Return whether the user wants the monthly notification."""
        return user % GROUP not in OPTED_OUT

    def expired_playbacks(self) -> int:
        """Return how many playbacks are older than the retention period."""
        return self._timeline.expired_count(self.playbacks)

    def expected(self) -> Expected:
        """Return the effect that the month end must have, counted without the database."""
        users = range(self.users)
        return Expected(
            entitled=frozenset(self.user_id(user) for user in users if self._is_entitled(user)),
            already_notified=frozenset(self.user_id(user) for user in users if self._is_already_notified(user)),
            expired_playbacks=self.expired_playbacks(),
            expired_sessions=self._timeline.expired_count(self.users),
        )

    def notification_documents(self) -> Iterator[Document]:
        """Yield the month's notification, created without this pipeline, if any user already has it."""
        if any(self._is_already_notified(user) for user in range(self.users)):
            created = self._month_start
            yield {"_id": self.notification, "type": "monthlyStatistic", "createdAt": created, "updatedAt": created}

    def user_documents(self) -> Iterator[Document]:
        """Yield the users."""
        entry = {"id": self.notification, "viewed": True, "read": False}
        for user in range(self.users):
            yield {
                "_id": self.user_id(user),
                "email": email(self.seed, user),
                "username": f"Listener {_number(self.seed, user)}",
                "password": "$2b$10$" + "x" * 53,
                "profileImage": f"https://images.example.com/{user:032x}.webp",
                "biography": "Listens to music. " * 36,
                "following": list(self._artists[: user % 8]),
                "notifications": [entry] if self._is_already_notified(user) else [],
                "userPreferences": {
                    "locale": "zh-TW",
                    "notifications": {
                        **({} if user % GROUP in WITHOUT_CHOICE else {"monthlyStatistic": self.wants(user)}),
                        "followingArtistUpdate": True,
                        "systemAnnouncement": True,
                    },
                },
                "createdAt": self._registration_time,
                "updatedAt": self.now - timedelta(days=1),
            }

    def playback_documents(self) -> Iterator[Document]:
        """Yield the playbacks, then a few without a usable date, which cleanup must leave alone."""
        stride = _coprime(self.playbacks) if self.shuffle else 1
        for position in range(self.playbacks):
            number = position * stride % self.playbacks
            yield self._playback(self._play(number), number)
        for number in range(self.undated):
            document = self._playback(self._play(number), self.playbacks + number)
            document.update({"createdAt": "2020-01-01T00:00:00Z"} if number % 2 else {"createdAt": None})
            yield document

    def stats_documents(self) -> Iterator[Document]:
        """Yield the statistics: one document per user (for a few users none or two), one element per month."""
        for user in range(self.users):
            if user % GROUP in WITHOUT_STATISTICS:
                continue
            statistics = elements(self._plays(user), self.now)
            yield {"user": self.user_id(user), "stats": statistics}
            if user % GROUP in TWICE:
                yield {"user": self.user_id(user), "stats": statistics}

    def session_documents(self) -> Iterator[Document]:
        """Yield one session per user, then a few without a usable date."""
        for user in range(self.users):
            yield self._session(user, self._timeline.moment(user, self.users))
        for user in range(min(UNDATED, self.users)):
            yield self._session(user, "2020-01-01T00:00:00Z" if user % 2 else None)

    @cached_property
    def _timeline(self) -> Timeline:
        return Timeline(end=self.now, days=self.days, cutoff=self.cutoff, expired_share=self.expired_share)

    @cached_property
    def _rotation(self) -> Rotation:
        return Rotation(users=self.users, active=round(self.users * self.active_share))

    def _play(self, number: int) -> Play:
        user = self._rotation.user_at(number % self._rotation.slots)
        mixed = ((number + self.seed) * HASH_MULTIPLIER) & 0xFFFFFFFF
        song = (user * 7 + mixed % 3) % (ARTISTS * SONGS_EACH)
        # Durations have milliseconds, as from a real player, so most sums are inexact in floating point; the
        # comparisons with statistics allow for it.
        seconds = (30_000 + (mixed >> 8) % 270_000) / 1000
        return Play(user, song, song % ARTISTS, seconds, self._timeline.moment(number, self.playbacks))

    def _playback(self, play: Play, number: int) -> Document:
        return {
            "_id": self._object_id(play.at, 4, number),
            "user": self.user_id(play.user),
            "song": self._songs[play.song],
            "artist": self._artists[play.artist],
            "state": "playing" if number % 10 == 0 else "completed",
            "duration": play.seconds,
            "createdAt": play.at,
            "updatedAt": play.at,
        }

    @cached_property
    def _songs(self) -> tuple[ObjectId, ...]:
        return tuple(object_id(self.now, 3, song) for song in range(ARTISTS * SONGS_EACH))

    @cached_property
    def _artists(self) -> tuple[ObjectId, ...]:
        return tuple(object_id(self.now, 2, artist) for artist in range(ARTISTS))

    def _object_id(self, moment: datetime, kind: int, number: int) -> ObjectId:
        """Return an `_id` that occurs in no population with another seed."""
        return object_id(moment, kind | self.seed << 8, number)

    def _session(self, user: int, active: datetime | str | None) -> Document:
        return {
            "user": self.user_id(user),
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 " + "x" * 445,
            "device": {"type": "desktop", "vendor": "unknown"},
            "browser": {"name": "Chrome", "version": "140.0"},
            "network": {"ip": "192.0.2.1", "provider": "Example Net"},
            "location": {"country": "TW", "city": "Taipei"},
            "status": {"online": False, "lastActive": active},
            "expiresAt": (active if isinstance(active, datetime) else self.now) + SESSION_LASTS,
            "createdAt": self.now - timedelta(days=self.days),
            "updatedAt": self.now - timedelta(days=self.days),
        }

    def _is_entitled(self, user: int) -> bool:
        month = month_of(self.now.replace(day=1) - timedelta(days=1))
        has_statistics = user % GROUP not in WITHOUT_STATISTICS
        return self.wants(user) and has_statistics and any(month_of(play.at) == month for play in self._plays(user))

    def _is_already_notified(self, user: int) -> bool:
        return user % GROUP in ALREADY_NOTIFIED and self._is_entitled(user)

    def _plays(self, user: int) -> Iterator[Play]:
        return (self._play(number) for number in self._rotation.turns(user, self.playbacks))


def _coprime(total: int) -> int:
    stride = max(1, int(total * 0.618))
    while gcd(stride, total) != 1:
        stride += 1
    return stride


def email(seed: int, user: int) -> str:
    """Return the email address of a user, which differs from seed to seed."""
    return f"listener{_number(seed, user)}@example.com"


def _number(seed: int, user: int) -> str:
    return f"{user}" if seed == 0 else f"{seed}-{user}"
