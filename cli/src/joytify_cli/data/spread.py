"""Spreads generated documents over time, part of them expired, and over users, some more active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

# No generated date is closer than this to the cutoff, so that a run within the next six hours deletes exactly the
# documents that are expired now.
GUARD = timedelta(hours=6)
# As in the capacity model: 210 plays per week compared to 70.
SLOTS_OF_ACTIVE = 3


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A period over which documents are spread; cleanup's cutoff lies in or before it.

    Attributes:
        end: end of the period, UTC.
        days: length of the period.
        cutoff: the moment before which a document is expired.
        expired_share: share of the documents older than the cutoff; None spreads them evenly.
    """

    end: datetime
    days: int
    cutoff: datetime
    expired_share: float | None

    def expired_count(self, total: int) -> int:
        """Return how many of `total` documents are older than the cutoff."""
        start, cutoff, end, guard = self._seconds
        if cutoff - guard <= start:
            return 0
        share = (cutoff - start) / (end - start) if self.expired_share is None else self.expired_share
        return round(total * share)

    def moment(self, number: int, total: int) -> datetime:
        """Return the time of document `number` out of `total`; none is within GUARD of the cutoff."""
        start, cutoff, end, guard = self._seconds
        expired = self.expired_count(total)
        if number < expired:
            seconds = start + (cutoff - guard - start) * number / expired
        else:
            first = max(start, cutoff + guard)
            seconds = first + (end - first) * (number - expired) / (total - expired)
        # BSON dates have milliseconds.
        return datetime.fromtimestamp(int(seconds * 1000) / 1000, UTC)

    @cached_property
    def _seconds(self) -> tuple[float, float, float, float]:
        """Start of the period, cutoff, end of the period, and guard, in seconds."""
        start = self.end - timedelta(days=self.days)
        return start.timestamp(), self.cutoff.timestamp(), self.end.timestamp(), GUARD.total_seconds()


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Assigns playback numbers to users in rounds: per round, an active user gets three numbers (slots), others one.

    Attributes:
        users: number of users.
        active: number of active users, who come first.
    """

    users: int
    active: int

    @property
    def slots(self) -> int:
        """Number of slots per round."""
        return self.users + (SLOTS_OF_ACTIVE - 1) * self.active

    def user_at(self, slot: int) -> int:
        """Return the user who has the slot."""
        return slot if slot < self.users else (slot - self.users) // (SLOTS_OF_ACTIVE - 1)

    def turns(self, user: int, until: int) -> Iterator[int]:
        """Yield the numbers below `until` that belong to a user, in ascending order."""
        own = [user]
        if user < self.active:
            first = self.users + (SLOTS_OF_ACTIVE - 1) * user
            own += range(first, first + SLOTS_OF_ACTIVE - 1)
        numbers = (start + slot for start in range(0, until, self.slots) for slot in own)
        return (number for number in numbers if number < until)
