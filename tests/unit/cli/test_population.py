from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from joytify_cli.data.population import UNDATED, Population

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ID = ObjectId()


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_documents_agree_with_what_is_expected_of_them(*, shuffle: bool) -> None:
    population = Population(users=40, playbacks_per_user=30, now=NOW, notification=ID, shuffle=shuffle)

    dates = [document["createdAt"] for document in population.playback_documents()]
    dated = [date for date in dates if isinstance(date, datetime)]

    assert (len(dated), len(dates)) == (1200, 1200 + UNDATED)
    assert sum(date < population.cutoff for date in dated) == population.expected().expired_playbacks
    assert (dated == sorted(dated)) is not shuffle
    assert all(abs(date - population.cutoff) >= timedelta(hours=6) for date in dated)


def test_the_entitled_are_those_who_want_it_and_have_an_element_of_last_month() -> None:
    population = Population(users=60, playbacks_per_user=30, now=NOW, notification=ID)
    wanting = {
        user["_id"]
        for user in population.user_documents()
        if user["userPreferences"]["notifications"]["monthlyStatistic"]
    }
    october = {
        document["user"]
        for document in population.stats_documents()
        if any((e["createdAt"].year, e["createdAt"].month) == (2026, 10) for e in document["stats"])
    }

    told = {user["_id"] for user in population.user_documents() if user["notifications"]}

    assert population.expected().entitled == wanting & october
    assert population.expected().told_already == told < wanting & october
    assert 0 < len(wanting & october) < 60


def test_statistics_add_up() -> None:
    population = Population(users=20, playbacks_per_user=60, now=NOW, notification=ID)

    for document in population.stats_documents():
        for element in document["stats"]:
            total = element["summary"]["totalDuration"]
            assert sum(song["totalDuration"] for song in element["songs"]) == total
            assert sum(hour["totalDuration"] for hour in element["peakHour"]) == total
            assert [h["hour"] for h in element["peakHour"]] == sorted(h["hour"] for h in element["peakHour"])
