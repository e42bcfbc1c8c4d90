from __future__ import annotations

import json
from pathlib import Path

import capacity_page
import pytest
from matplotlib.testing.compare import compare_images
from typer.testing import CliRunner

from joytify_cli.capacity.model import ACTIVE, EXPIRING, REGULAR, Model, Profile
from joytify_cli.main import app


def mixed(users: int = 3500, **changes: object) -> Model:
    return Model(mix=[(ACTIVE, 0.2), (REGULAR, 0.8)], users=users, **changes)  # type: ignore[arg-type]


def test_the_page_is_what_the_command_prints() -> None:
    assert capacity_page.FILE.read_text(encoding="utf-8") == capacity_page.document(), "stale: run `make docs`"


def test_the_picture_is_what_the_command_draws(tmp_path: Path) -> None:
    drawn = tmp_path / "capacity.png"
    capacity_page.save_picture(drawn)

    # Letters differ in a few pixels from machine to machine.
    assert compare_images(str(capacity_page.PICTURE.resolve()), str(drawn), tol=2) is None, "stale: run `make docs`"


def test_the_storage_of_an_active_user_is_the_sum_of_the_users_documents() -> None:
    """60 days of plays (210 a week, 150 bytes each), 30 days of sessions (14 a week), nine weeks of the rest."""
    found = mixed(index_share=0).by_collection(ACTIVE, 9)

    assert found["playbacks"] == pytest.approx(210 / 7 * 60 * 150)
    assert found["sessions"] == pytest.approx(14 / 7 * 30 * 844)
    assert found["songs"] == pytest.approx(9 * 0.714 * 948)
    assert mixed(index_share=0.25).user_bytes(ACTIVE, 9) == pytest.approx(sum(found.values()) / 0.75)


def test_only_what_is_kept_for_good_grows_in_the_stable_state() -> None:
    model = mixed()
    week = model.stable_week
    before, after = (model.by_collection(REGULAR, weeks) for weeks in (week, week + 10))

    assert week == 9
    assert all(before[kind] == after[kind] for kind in (*EXPIRING, "users", "stats"))
    assert model.weekly_growth(REGULAR) == pytest.approx((0.143 * 300 + 0.057 * 996 + 0.143 * 948) / 0.775)


@pytest.mark.parametrize(
    ("profile", "known"),
    [
        (ACTIVE, {"users": 1183, "playbacks": 31_500, "sessions": 11_816}),
        (REGULAR, {"users": 1183, "playbacks": 10_500, "sessions": 1772}),
    ],
    ids=["active", "regular"],
)
def test_a_users_first_week_has_the_figures_of_joytify_apps_readme(profile: Profile, known: dict[str, int]) -> None:
    """Bytes of the largest collections in a user's first week: README of JIAN11442/joytify-app, scheduler/."""
    found = mixed().by_collection(profile, 1)

    assert {kind: round(found[kind]) for kind in known} == known


def test_the_alert_day_is_the_first_day_above_the_alert_level() -> None:
    """The usage of a day includes the documents that have expired since the last weekly cleanup.

    With fewer users, 80 % of the limit is reached on the same day or later.
    """
    model = mixed(users=2500)
    day = model.day_reached(0.8)

    assert day is not None
    assert model.used(day / 7, weeks_since_cleanup=day % 7 / 7) > 0.8 * model.limit
    assert model.used((day - 1) / 7, weeks_since_cleanup=(day - 1) % 7 / 7) <= 0.8 * model.limit
    assert (mixed(users=2499).day_reached(0.8) or 0) >= day
    assert mixed(users=10).day_reached(0.8) is None


def test_the_reported_number_of_users_fits_and_one_more_does_not() -> None:
    model = mixed()
    fit = model.max_users(model.average_bytes(9))

    assert mixed(users=fit).used(9) <= model.limit < mixed(users=fit + 1).used(9)


def test_the_figures_are_there_as_json() -> None:
    result = CliRunner().invoke(app, ["capacity", "--users", "100", "--active-share", "1", "--json"])

    figures = json.loads(result.output)
    assert figures["users"] == 100
    assert figures["profiles"]["active"]["share"] == 1
    assert figures["averageBytes"] == figures["profiles"]["active"]["stableBytes"]


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (["--active-share", "1.2"], "less than or equal to 1", 2),
        (["--retention-days", "0"], "greater than or equal to 1", 2),
        (["--users", "0"], "greater than or equal to 1", 2),
        (["--png", "no/such/folder/a.png"], "could not be written", 1),
    ],
)
def test_a_wrong_value_is_refused(words: list[str], says: str, code: int) -> None:
    result = CliRunner().invoke(app, ["capacity", *words])

    assert result.exit_code == code
    assert says in " ".join(result.output.replace("│", " ").split())
