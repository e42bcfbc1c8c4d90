"""How what is made up is spread: over time, with a share of it expired, and over users, some of them more active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

# No date lies this near to the cutoff, so that a run some time later still agrees on what is expired.
GUARD = timedelta(hours=6)
# Of the capacity model: 210 plays a week to 70.
SLOTS_OF_ACTIVE = 3


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The last days, with a cutoff in them.

    Attributes:
        end: when they end, UTC.
        days: how many.
        cutoff: the moment before which a document is expired.
        expired_share: share of what happens that is older than that; None: as the days have it.
    """

    end: datetime
    days: int
    cutoff: datetime
    expired_share: float | None

    def expired(self, of: int) -> int:
        """Return how many of so many are older than the cutoff."""
        start, cutoff, end, guard = self._seconds
        if cutoff - guard <= start:
            return 0
        share = (cutoff - start) / (end - start) if self.expired_share is None else self.expired_share
        return round(of * share)

    def moment(self, number: int, of: int) -> datetime:
        """Return the moment of the number-th of so many, spread over the days except for the guard at the cutoff."""
        start, cutoff, end, guard = self._seconds
        expired = self.expired(of)
        if number < expired:
            seconds = start + (cutoff - guard - start) * number / expired
        else:
            first = max(start, cutoff + guard)
            seconds = first + (end - first) * (number - expired) / (of - expired)
        # BSON dates have milliseconds.
        return datetime.fromtimestamp(int(seconds * 1000) / 1000, UTC)

    @cached_property
    def _seconds(self) -> tuple[float, float, float, float]:
        """When they start, the cutoff, when they end, and the guard, in seconds."""
        start = self.end - timedelta(days=self.days)
        return start.timestamp(), self.cutoff.timestamp(), self.end.timestamp(), GUARD.total_seconds()


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Whose turn it is: in a round an active user has three slots, another one; the first users are the active ones.

    Attributes:
        users: how many.
        active: how many of them are active.
    """

    users: int
    active: int

    @property
    def slots(self) -> int:
        """How many slots a round has."""
        return self.users + (SLOTS_OF_ACTIVE - 1) * self.active

    def user_at(self, slot: int) -> int:
        """Return whose slot it is."""
        return slot if slot < self.users else (slot - self.users) // (SLOTS_OF_ACTIVE - 1)

    def turns(self, user: int, until: int) -> Iterator[int]:
        """Yield the numbers of a user's turns, of so many, in order."""
        own = [user]
        if user < self.active:
            first = self.users + (SLOTS_OF_ACTIVE - 1) * user
            own += range(first, first + SLOTS_OF_ACTIVE - 1)
        numbers = (start + slot for start in range(0, until, self.slots) for slot in own)
        return (number for number in numbers if number < until)
