"""The capacity summary that Joytify's operators know, recomputed by its own rules and by this model.

README of JIAN11442/joytify-app, scheduler/, "Capacity Planning". Its kB are 1,000 bytes, its 512 MB 512,000 kB.
"""

from __future__ import annotations

from dataclasses import dataclass

from joytify_cli.capacity.model import ACTIVE, EXPIRING, REGULAR, SIZES, Model, Profile

# Its table of a week's bytes. It has the user's own record in it, which is made once.
ACTIVE_WEEK = {"users": 1183, "playbacks": 31_500, "sessions": 11_816, "notifications": 75, "stats": 87}
ACTIVE_WEEK |= {"playlists": 27, "songs": 119, "albums": 11}
REGULAR_WEEK = {"users": 1183, "playbacks": 10_500, "sessions": 1772, "notifications": 75, "stats": 87}
REGULAR_WEEK |= {"playlists": 14, "songs": 47, "albums": 6}
ACTIVE_KB, REGULAR_KB, MIXED_KB, LIMIT_KB = 365, 114, 147, 512_000


@dataclass(frozen=True)
class Row:
    """A figure of the summary.

    Attributes:
        what: which figure.
        stated: as the summary has it.
        own: recomputed by the summary's own rules.
        ours: by the model.
        remark: why they differ; empty if they agree.
    """

    what: str
    stated: float
    own: float
    ours: float
    remark: str = ""

    @property
    def agrees(self) -> bool:
        """Return whether the summary's own rules give what it states, within 3 %."""
        return abs(self.own - self.stated) <= 0.03 * self.stated


def rows(model: Model) -> list[Row]:
    """Return the summary's figures beside what its own rules and the model give."""
    stable = {profile.name: model.user_bytes(profile, model.stable_week) / 1000 for profile in (ACTIVE, REGULAR)}
    mixed = 0.2 * stable["active"] + 0.8 * stable["regular"]
    fit = {kind: model.limit / 1000 / size for kind, size in (*stable.items(), ("mixed", mixed))}
    return [
        Row("active: kB in a week", 45, sum(ACTIVE_WEEK.values()) / 1000, _week(model, ACTIVE), SESSIONS),
        Row("regular: kB in a week", 14, sum(REGULAR_WEEK.values()) / 1000, _week(model, REGULAR), SESSIONS),
        Row("active: growth after week 8", 1.7, 45 - _cleaned(ACTIVE_WEEK), _growth(model, ACTIVE), GROWTH),
        Row("regular: growth after week 8", 0.7, 14 - _cleaned(REGULAR_WEEK), _growth(model, REGULAR), GROWTH_TOO),
        Row("active: kB, stable", ACTIVE_KB, 8 * 45 + 3 * 1.7, stable["active"], INDEXES),
        Row("regular: kB, stable", REGULAR_KB, 8 * 14 + 3 * 0.7, stable["regular"], INDEXES),
        Row("a fifth active: kB a user", MIXED_KB, 0.2 * ACTIVE_KB + 0.8 * REGULAR_KB, mixed, MIXED),
        Row("active users in 512 MB", 1400, LIMIT_KB / ACTIVE_KB, fit["active"], MONTHLY),
        Row("regular users in 512 MB", 4500, LIMIT_KB / REGULAR_KB, fit["regular"]),
        Row("a fifth active, in 512 MB", 3500, LIMIT_KB / MIXED_KB, fit["mixed"], FROM_MIXED),
        Row("these, 20 % kept in reserve", 2800, 0.8 * LIMIT_KB / MIXED_KB, 0.8 * fit["mixed"], FROM_MIXED),
    ]


def _cleaned(table: dict[str, int]) -> float:
    return sum(table[kind] for kind in EXPIRING) / 1000


def _week(model: Model, profile: Profile) -> float:
    """Return the first week's documents in kB, as the summary counts: without indexes."""
    return sum(model.by_collection(profile, 1).values()) / 1000


def _growth(model: Model, profile: Profile) -> float:
    return model.weekly_growth(profile) / 1000


SESSIONS = (
    "A week has the user's own record (1,183 bytes) in it, every week anew; and all 14 sessions of an active user, "
    "of which 5 are kept."
)
GROWTH = (
    "1.7 is what rounding leaves: 45 - 43.3. Its rows come to 1.5, of which 1.2 is that record again; without it "
    f"0.3, since its rows are too small: songs are {ACTIVE.weekly['songs']} x {SIZES['songs']:.0f} = 677 bytes a week, "
    f"not {ACTIVE_WEEK['songs']}."
)
GROWTH_TOO = "0.7 follows from no table: 14 - 12.3 is 1.7, its rows come to 1.4, without that record to 0.2."
MONTHLY = (
    "Its weekly rates of what is kept for good are a seventh of the monthly ones (5 songs a month are 0.714 a week); a "
    "month has 4.3 weeks, so such data grows about 1.6 times as fast as it says, and as this model has it from it."
)
INDEXES = (
    "Eight weeks are 56 days, not 60; and the indexes, which it gives as 20 to 25 %, are in none of its figures. "
    "That its active user agrees with the model is chance: the sessions too many weigh as much as the indexes."
)
MIXED = "A fifth of 365 and four fifths of 114 are 164, not 147."
FROM_MIXED = "3,500 and 2,800 follow from 147; from 164 they would be 3,118 and 2,495."
