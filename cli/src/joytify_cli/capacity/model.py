"""The storage model: how much users write, how much is kept, and when the limit is reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

DAYS_PER_WEEK = 7
# Atlas counts the free tier's 512 MB in this unit, and so does STORAGE_LIMIT_MB.
BYTES_PER_MB = 1024 * 1024
# Average bytes per document, without indexes, as measured on Joytify's database: README of
# JIAN11442/joytify-app, scheduler/, "Collection Data Sizes".
SIZES = {
    "users": 1183.0,
    "stats": 348.0,
    "playbacks": 150.0,
    "sessions": 844.0,
    "notifications": 300.0,
    "playlists": 546.0,
    "songs": 948.0,
    "albums": 450.0,
}
# The backend's TTL index removes a session this many days after its last refresh. The number of
# sessions per user is not limited.
SESSION_DAYS = 30
# Collections in which a user has one document from the first day.
FIXED = ("users", "stats")
# Collections from which cleanup deletes documents older than the retention period.
EXPIRING = ("playbacks", "sessions")
FOR_GOOD = ("notifications", "playlists", "songs", "albums")
# Indexes take 20 to 25 % of the stored bytes.
INDEX_SHARE = 0.225
MAX_YEARS = 20
# Share of the limit above which operators are warned (STORAGE_ALERT_PERCENT).
ALERT_SHARE = 0.8
SHOWN_WEEKS = (1, 2, 4, 6, 8, 9, 10, 26, 52, 104)


@dataclass(frozen=True)
class Profile:
    """A kind of user.

    Attributes:
        name: name of the kind, as shown.
        weekly: documents that such a user creates per week, by collection.
    """

    name: str
    weekly: Mapping[str, float]


ACTIVE = Profile(
    "active",
    {"playbacks": 210, "sessions": 14, "notifications": 0.143, "playlists": 0.286, "songs": 0.714, "albums": 0.286},
)
REGULAR = Profile(
    "regular",
    {"playbacks": 70, "sessions": 2.1, "notifications": 0.143, "playlists": 0.057, "songs": 0.143, "albums": 0.057},
)


@dataclass(frozen=True, kw_only=True)
class Model:
    """Storage that users need if they all start on the same day.

    Attributes:
        mix: kinds of users with their shares, which add up to 1.
        users: number of users.
        retention_days: how long playbacks and sessions are kept.
        limit_mb: storage limit, in MB of 1,048,576 bytes.
        index_share: share of the stored bytes that are indexes.
        sizes: average bytes of a document, by collection.
    """

    mix: Sequence[tuple[Profile, float]]
    users: int
    retention_days: int = 60
    limit_mb: int = 512
    index_share: float = INDEX_SHARE
    sizes: Mapping[str, float] = field(default_factory=lambda: SIZES)

    @property
    def limit(self) -> int:
        """The storage limit in bytes."""
        return self.limit_mb * BYTES_PER_MB

    @property
    def stable_week(self) -> int:
        """The week after which as many playbacks and sessions expire per week as are created."""
        return -(-self.retention_days // DAYS_PER_WEEK)

    def by_collection(self, profile: Profile, weeks: float, *, weeks_since_cleanup: float = 0) -> dict[str, float]:
        """Return the bytes of documents of one user, by collection.

        Args:
            profile: kind of user.
            weeks: weeks since the user started.
            weeks_since_cleanup: weeks since the last cleanup, 1 just before the next weekly run; documents that have
                expired since then still count.
        """
        kept_weeks = min(weeks, self.retention_days / DAYS_PER_WEEK + weeks_since_cleanup)
        count = dict.fromkeys(FIXED, 1.0)
        count |= {kind: profile.weekly.get(kind, 0) * weeks for kind in FOR_GOOD}
        count["playbacks"] = profile.weekly.get("playbacks", 0) * kept_weeks
        count["sessions"] = profile.weekly.get("sessions", 0) * min(kept_weeks, SESSION_DAYS / DAYS_PER_WEEK)
        return {kind: number * self.sizes.get(kind, 0) for kind, number in count.items()}

    def user_bytes(self, profile: Profile, weeks: float, *, weeks_since_cleanup: float = 0) -> float:
        """Return the bytes of one user, indexes included; arguments as for `by_collection`."""
        documents = sum(self.by_collection(profile, weeks, weeks_since_cleanup=weeks_since_cleanup).values())
        return documents / (1 - self.index_share)

    def average_bytes(self, weeks: float, *, weeks_since_cleanup: float = 0) -> float:
        """Return the average bytes per user, indexes included; arguments as for `by_collection`."""
        return sum(
            share * self.user_bytes(profile, weeks, weeks_since_cleanup=weeks_since_cleanup)
            for profile, share in self.mix
        )

    def used(self, weeks: float, *, weeks_since_cleanup: float = 0) -> float:
        """Return the bytes of all users, indexes included; arguments as for `by_collection`."""
        return self.users * self.average_bytes(weeks, weeks_since_cleanup=weeks_since_cleanup)

    def weekly_growth(self, profile: Profile) -> float:
        """Return the bytes that a user adds per week in the stable state, indexes included."""
        return self.user_bytes(profile, self.stable_week + 1) - self.user_bytes(profile, self.stable_week)

    def max_users(self, per_user: float, *, reserve: float = 0) -> int:
        """Return how many users of `per_user` bytes fit, with a share of the limit in reserve."""
        return int(self.limit * (1 - reserve) / per_user)

    def day_reached(self, share: float) -> int | None:
        """Return the first day on which more than this share of the limit is used; None if not in 20 years.

        Cleanup runs weekly, so documents that have expired since the last run still count.
        """
        return next((day for day, used in self._days() if used > share * self.limit), None)

    def _days(self) -> Iterator[tuple[int, float]]:
        for day in range(MAX_YEARS * 365):
            weeks = day / DAYS_PER_WEEK
            yield day, self.used(weeks, weeks_since_cleanup=day % DAYS_PER_WEEK / DAYS_PER_WEEK)
