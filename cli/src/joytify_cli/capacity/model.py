"""How much a Joytify stores: what each user writes, what is kept of it, and when the database is full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

DAYS_PER_WEEK = 7
# As Atlas counts the free tier's 512 MB, and STORAGE_LIMIT_MB is.
BYTES_PER_MB = 1024 * 1024
# Bytes of a document on average, without indexes, as measured on Joytify's database: README of JIAN11442/joytify-app,
# scheduler/, "Collection Data Sizes".
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
# The backend's TTL index removes a session this long after its last refresh; there is no limit to a user's sessions.
SESSION_DAYS = 30
# What a user has from the first day.
FIXED = ("users", "stats")
# What cleanup deletes once it is older than the retention period.
EXPIRING = ("playbacks", "sessions")
FOR_GOOD = ("notifications", "playlists", "songs", "albums")
# Indexes take 20 to 25 % of what is stored.
INDEX_SHARE = 0.225
LONGEST_YEARS = 20
# Operators are warned from here on (STORAGE_ALERT_PERCENT).
ALERT_SHARE = 0.8
SHOWN_WEEKS = (1, 2, 4, 6, 8, 9, 10, 26, 52, 104)


@dataclass(frozen=True)
class Profile:
    """A kind of user.

    Attributes:
        name: for people.
        weekly: documents that such a user makes in a week, by collection.
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
    """What is stored of users who all begin on the same day.

    Attributes:
        mix: kinds of users, and the share of each; together 1.
        users: how many.
        retention_days: how long playbacks and sessions are kept.
        limit_mb: how much fits, in MB of 1,048,576 bytes.
        index_share: share of the indexes in all that is stored.
        sizes: bytes of a document, by collection.
    """

    mix: Sequence[tuple[Profile, float]]
    users: int
    retention_days: int = 60
    limit_mb: int = 512
    index_share: float = INDEX_SHARE
    sizes: Mapping[str, float] = field(default_factory=lambda: SIZES)

    @property
    def limit(self) -> int:
        """How much fits, in bytes."""
        return self.limit_mb * BYTES_PER_MB

    @property
    def stable_week(self) -> int:
        """The week after which as much expires as is made."""
        return -(-self.retention_days // DAYS_PER_WEEK)

    def by_collection(self, profile: Profile, weeks: float, *, overdue_weeks: float = 0) -> dict[str, float]:
        """Return the bytes of documents of one user, by collection.

        Args:
            profile: what kind of user.
            weeks: since the user began.
            overdue_weeks: since the last cleanup, which leaves what has expired since.
        """
        kept_weeks = min(weeks, self.retention_days / DAYS_PER_WEEK + overdue_weeks)
        count = dict.fromkeys(FIXED, 1.0)
        count |= {kind: profile.weekly.get(kind, 0) * weeks for kind in FOR_GOOD}
        count["playbacks"] = profile.weekly.get("playbacks", 0) * kept_weeks
        count["sessions"] = profile.weekly.get("sessions", 0) * min(kept_weeks, SESSION_DAYS / DAYS_PER_WEEK)
        return {kind: number * self.sizes.get(kind, 0) for kind, number in count.items()}

    def user_bytes(self, profile: Profile, weeks: float, *, overdue_weeks: float = 0) -> float:
        """Return the bytes of one user, indexes included; the rest as with `by_collection`."""
        documents = sum(self.by_collection(profile, weeks, overdue_weeks=overdue_weeks).values())
        return documents / (1 - self.index_share)

    def average_bytes(self, weeks: float, *, overdue_weeks: float = 0) -> float:
        """Return the bytes of a user of the mix on average; the rest as with `by_collection`."""
        return sum(share * self.user_bytes(profile, weeks, overdue_weeks=overdue_weeks) for profile, share in self.mix)

    def used(self, weeks: float, *, overdue_weeks: float = 0) -> float:
        """Return the bytes of all users; the rest as with `by_collection`."""
        return self.users * self.average_bytes(weeks, overdue_weeks=overdue_weeks)

    def weekly_growth(self, profile: Profile) -> float:
        """Return the bytes by which one user grows in a week once the rest is stable, indexes included."""
        return self.user_bytes(profile, self.stable_week + 1) - self.user_bytes(profile, self.stable_week)

    def most_users(self, per_user: float, *, reserve: float = 0) -> int:
        """Return how many users of so many bytes fit, with a share of the limit kept in reserve."""
        return int(self.limit * (1 - reserve) / per_user)

    def day_reached(self, share: float) -> int | None:
        """Return the first day on which more than this share of the limit is used; None if not in 20 years.

        Cleanup runs weekly: just before it, what has expired in seven days is there too.
        """
        return next((day for day, used in self._days() if used > share * self.limit), None)

    def _days(self) -> Iterator[tuple[int, float]]:
        for day in range(LONGEST_YEARS * 365):
            weeks = day / DAYS_PER_WEEK
            yield day, self.used(weeks, overdue_weeks=day % DAYS_PER_WEEK / DAYS_PER_WEEK)
