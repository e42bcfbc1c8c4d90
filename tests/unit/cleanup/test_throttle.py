from __future__ import annotations

import pytest

from joytify_cleanup.throttle import BATCH_SECONDS, MAX_PAUSE_SECONDS, READ_COST, SMALLEST_BATCH, Throttle


def test_a_healthy_server_gets_the_maximum_batch_size_and_the_minimum_pause() -> None:
    throttle = Throttle(10_000, 0.1)

    for seconds in (0.2, 0.25, 0.3, 0.2):
        throttle.observe(throttle.size, seconds)

    assert (throttle.size, throttle.pause) == (10_000, 0.1)


def test_a_minimum_pause_of_zero_is_allowed() -> None:
    throttle = Throttle(10_000, 0.0)
    throttle.observe(10_000, 0.2)

    assert throttle.pause == 0.0


def test_a_slow_server_never_gets_a_shorter_pause_than_the_minimum() -> None:
    throttle = Throttle(10_000, 60.0)
    throttle.observe(10_000, 0.2)
    throttle.observe(10_000, 30.0)

    assert throttle.pause == 60.0
    assert throttle.pause_after(100) >= 0
    assert throttle.figures is not None
    assert throttle.figures.paused_ms == 0


def test_a_server_that_slows_down_gets_smaller_batches_and_longer_pauses_and_recovers() -> None:
    throttle = Throttle(10_000, 0.1)
    throttle.observe(10_000, 0.2)
    sizes, pauses = [], []
    for _ in range(4):
        throttle.observe(throttle.size, throttle.size * 2e-4)
        sizes.append(throttle.size)
        pauses.append(throttle.pause)

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 2000
    assert all(0.1 < pause <= MAX_PAUSE_SECONDS for pause in pauses)
    for _ in range(12):
        throttle.observe(throttle.size, throttle.size * 2e-5)
    assert (throttle.size, throttle.pause) == (10_000, 0.1)


def test_a_server_that_is_always_slow_gets_batches_of_bounded_duration() -> None:
    throttle = Throttle(10_000, 0.1)
    for _ in range(10):
        throttle.observe(throttle.size, throttle.size * 1e-3)

    assert throttle.size * 1e-3 <= BATCH_SECONDS
    assert throttle.pause == 0.1
    throttle.observe(throttle.size, 3600)
    assert throttle.size == SMALLEST_BATCH


def test_a_maximum_batch_size_below_the_smallest_batch_is_respected() -> None:
    throttle = Throttle(7, 0.0)
    for _ in range(5):
        throttle.observe(7, 60)

    assert throttle.size == 7


def test_the_expected_duration_uses_the_usual_or_the_latest_speed_whichever_is_lower() -> None:
    throttle = Throttle(1000, 0.0)
    assert throttle.expected_seconds(1000) == 0.0
    throttle.observe(1000, 0.1)
    throttle.observe(1000, 0.4)

    assert throttle.expected_seconds(1000) == 0.4


def test_a_batch_that_deletes_few_of_its_documents_does_not_make_the_server_look_slow() -> None:
    throttle = Throttle(10_000, 0.1)
    throttle.observe(10_000, 0.2)
    throttle.observe(100 + READ_COST * 9900, 0.03)

    assert (throttle.size, throttle.pause) == (10_000, 0.1)


def test_the_pause_after_a_small_batch_is_shorter_unless_the_server_is_slow() -> None:
    throttle = Throttle(10_000, 0.1)
    throttle.observe(10_000, 0.2)

    assert throttle.pause_after(10_000) == 0.1
    assert throttle.pause_after(1000) == pytest.approx(0.01)
    throttle.observe(1000, 8.02)
    assert throttle.pause_after(1000) > 7.8
