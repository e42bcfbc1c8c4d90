from __future__ import annotations

from joytify_cleanup.pace import BATCH_SECONDS, LONGEST_PAUSE_SECONDS, SMALLEST_BATCH, Pace


def test_a_server_in_good_health_gets_the_upper_bound_and_the_least_pause() -> None:
    pace = Pace(10_000, 0.1)

    for seconds in (0.2, 0.25, 0.3, 0.2):
        pace.observe(pace.size, seconds)

    assert (pace.size, pace.pause) == (10_000, 0.1)


def test_no_pause_is_allowed() -> None:
    pace = Pace(10_000, 0.0)
    pace.observe(10_000, 0.2)

    assert pace.pause == 0.0


def test_a_server_that_slows_down_gets_smaller_batches_and_longer_pauses_and_recovers() -> None:
    pace = Pace(10_000, 0.1)
    pace.observe(10_000, 0.2)
    sizes, pauses = [], []
    for _ in range(4):
        pace.observe(pace.size, pace.size * 2e-4)
        sizes.append(pace.size)
        pauses.append(pace.pause)

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 2000
    assert all(0.1 < pause <= LONGEST_PAUSE_SECONDS for pause in pauses)
    for _ in range(12):
        pace.observe(pace.size, pace.size * 2e-5)
    assert (pace.size, pace.pause) == (10_000, 0.1)


def test_a_server_that_is_always_slow_gets_batches_of_bounded_length() -> None:
    pace = Pace(10_000, 0.1)
    for _ in range(10):
        pace.observe(pace.size, pace.size * 1e-3)

    assert pace.size * 1e-3 <= BATCH_SECONDS
    assert pace.pause == 0.1
    pace.observe(pace.size, 3600)
    assert pace.size == SMALLEST_BATCH


def test_a_bound_below_the_smallest_batch_is_kept() -> None:
    pace = Pace(7, 0.0)
    for _ in range(5):
        pace.observe(7, 60)

    assert pace.size == 7


def test_what_a_batch_may_take_follows_the_slower_of_the_usual_and_the_latest() -> None:
    pace = Pace(1000, 0.0)
    assert pace.expected_seconds(1000) == 0.0
    pace.observe(1000, 0.1)
    pace.observe(1000, 0.4)

    assert pace.expected_seconds(1000) == 0.4
