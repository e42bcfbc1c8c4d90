from __future__ import annotations

import scale_page

from joytify_cli.capacity.scale import Scenario, max_playbacks


def test_the_page_is_what_the_command_says() -> None:
    assert scale_page.FILE.read_text(encoding="utf-8") == scale_page.document(), "stale: run `make docs`"


def test_eighty_columns_hold_the_table() -> None:
    rows = [line for line in scale_page.document().splitlines() if " M " in line and line.startswith(" ")]

    assert len(rows) == 14
    assert all(len(row) <= 80 for row in rows)


def test_eight_workers_are_nearly_eight_times_as_fast_at_the_same_rate_per_worker() -> None:
    one, eight = (Scenario(10**9, 10_000, workers) for workers in (1, 8))

    assert 6 < one.hours / eight.hours <= 8


def test_the_reported_maximum_of_playbacks_takes_about_24_hours() -> None:
    most = max_playbacks(10_000, 1)

    assert Scenario(most, 10_000, 1).hours < 25
    assert Scenario(most * 11 // 10, 10_000, 1).hours > 24
