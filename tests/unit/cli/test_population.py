from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from bson import ObjectId, encode

from joytify_cli.capacity.model import SIZES
from joytify_cli.data.population import UNDATED, Population

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "traits",
    [
        {},
        {"active_share": 0.2},
        {"days": 30},
        {"days": 400, "active_share": 1.0},
        {"expired_share": 0.0},
        {"expired_share": 0.9, "seed": 5},
        {"expired_share": 1.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_documents_agree_with_the_expected_counts(traits: dict[str, Any], *, shuffle: bool) -> None:
    population = Population(users=40, playbacks_per_user=30, now=NOW, shuffle=shuffle, **traits)

    dates = [document["createdAt"] for document in population.playback_documents()]
    dated = [date for date in dates if isinstance(date, datetime)]

    assert (len(dated), len(dates)) == (1200, 1200 + UNDATED)
    assert sum(date < population.cutoff for date in dated) == population.expected().expired_playbacks
    assert (dated == sorted(dated)) is not shuffle
    assert all(abs(date - population.cutoff) >= timedelta(hours=6) for date in dated)
    assert all(NOW - timedelta(days=population.days) <= date <= NOW for date in dated)
    sessions = [document["status"]["lastActive"] for document in population.session_documents()]
    idle = sum(isinstance(active, datetime) and active < population.cutoff for active in sessions)
    assert idle == population.expected().expired_sessions


@pytest.mark.parametrize(("share", "of"), [(0.2, 500), (0.5, 100), (1.0, 7)])
def test_an_active_user_plays_three_times_as_much_as_a_regular_user(share: float, of: int) -> None:
    """As in the capacity model: an active user plays 210 songs a week, a regular user 70."""
    population = Population(users=10, playbacks_per_user=of, now=NOW, active_share=share)
    plays = Counter(document["user"] for document in islice(population.playback_documents(), population.playbacks))
    counts = [plays[population.user_id(user)] for user in range(10)]
    active, others = counts[: round(10 * share)], counts[round(10 * share) :]

    assert sum(counts) == 10 * of
    assert max(active) - min(active) <= 3
    assert all(min(active) == pytest.approx(3 * other, abs=3) for other in others)


def test_the_statistics_are_those_of_the_playbacks() -> None:
    """Each month's element holds the seconds played in that month, for active users as well."""
    population = Population(users=10, playbacks_per_user=90, now=NOW, active_share=0.3)
    played = defaultdict[tuple[ObjectId, int], float](float)
    for document in islice(population.playback_documents(), population.playbacks):
        played[document["user"], document["createdAt"].month] += document["duration"]
    kept = {
        (document["user"], element["summary"]["month"]): element["summary"]["totalDuration"]
        for document in population.stats_documents()
        for element in document["stats"]
    }

    assert kept
    assert all(played[key] == pytest.approx(seconds) for key, seconds in kept.items())


def test_documents_are_about_as_large_as_in_the_capacity_model() -> None:
    """Statistics are not compared: they contain more songs per generated user than the capacity model assumes."""
    population = Population(users=100, playbacks_per_user=10, now=NOW)
    made = {
        "users": population.user_documents(),
        "playbacks": population.playback_documents(),
        "sessions": ({"_id": ObjectId(), **document} for document in population.session_documents()),
    }
    for kind, documents in made.items():
        sizes = [len(encode(document)) for document in documents]

        assert sum(sizes) / len(sizes) == pytest.approx(SIZES[kind], rel=0.05)


def test_ids_and_emails_differ_between_seeds_and_repeat_for_the_same_seed() -> None:
    """`append` relies on this: new documents must not reuse an existing `_id` or email."""
    made = [Population(users=20, playbacks_per_user=10, now=NOW, seed=seed) for seed in (0, 0, 1, 20, 2**24 - 1)]
    ids = [{d["_id"] for d in p.playback_documents()} | {d["_id"] for d in p.user_documents()} for p in made]
    emails = [{d["email"] for d in p.user_documents()} for p in made]

    assert ids[0] == ids[1]
    assert len(set.union(*ids[1:])) == sum(map(len, ids[1:]))
    assert len(set.union(*emails[1:])) == sum(map(len, emails[1:]))


def test_entitled_users_want_the_notification_and_have_statistics_for_last_month() -> None:
    population = Population(users=60, playbacks_per_user=30, now=NOW)
    wanting = {
        user["_id"]
        for user in population.user_documents()
        if user["userPreferences"]["notifications"].get("monthlyStatistic", True)
    }
    october = {
        document["user"]
        for document in population.stats_documents()
        if any((e["createdAt"].year, e["createdAt"].month) == (2026, 10) for e in document["stats"])
    }

    told = {user["_id"] for user in population.user_documents() if user["notifications"]}

    assert population.expected().entitled == wanting & october
    assert population.expected().already_notified == told < wanting & october
    assert 0 < len(wanting & october) < 60


def test_statistics_add_up() -> None:
    population = Population(users=20, playbacks_per_user=60, now=NOW)

    for document in population.stats_documents():
        for element in document["stats"]:
            total = element["summary"]["totalDuration"]
            assert sum(song["totalDuration"] for song in element["songs"]) == pytest.approx(total)
            assert sum(hour["totalDuration"] for hour in element["peakHour"]) == pytest.approx(total)
            assert [h["hour"] for h in element["peakHour"]] == sorted(h["hour"] for h in element["peakHour"])
