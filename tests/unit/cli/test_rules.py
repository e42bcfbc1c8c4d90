from __future__ import annotations

import random
from datetime import UTC, datetime
from itertools import islice

import pytest
from ministack.services.eventbridge import _cron_next_fire, _parse_cron_fields

from joytify_cli.operate.rules import next_runs

NOW = datetime(2026, 11, 25, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The examples of https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
        ("cron(0 10 * * ? *)", "2026-11-26 10:00"),
        ("cron(15 12 * * ? *)", "2026-11-26 12:15"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-25 18:00"),
        ("cron(0 8 1 * ? *)", "2026-12-01 08:00"),
        ("cron(0/15 * * * ? *)", "2026-11-25 17:45"),
        ("cron(0/10 * ? * MON-FRI *)", "2026-11-25 17:40"),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-11-25 17:35"),
        ("cron(0 9 ? * 2#1 *)", "2026-12-07 09:00"),
        # Ours.
        ("cron(0 2 1 * ? *)", "2026-12-01 02:00"),
        ("cron(0 4 ? * MON *)", "2026-11-30 04:00"),
        ("cron(0 4 ? * 2 *)", "2026-11-30 04:00"),
        # Rare ones.
        ("cron(0 0 L * ? *)", "2026-11-30 00:00"),
        ("cron(0 0 ? * 6L *)", "2026-11-27 00:00"),
        ("cron(0 0 ? * L *)", "2026-11-28 00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29 00:00"),
        ("cron(0 0 1 1 ? 2030)", "2030-01-01 00:00"),
    ],
)
def test_the_next_run_is_when_eventbridge_fires(expression: str, expected: str) -> None:
    assert f"{next(next_runs(expression, NOW)):%Y-%m-%d %H:%M}" == expected


def test_a_second_implementation_agrees() -> None:
    """MiniStack's own, on expressions of the forms in EventBridge's table."""
    rng = random.Random(7)  # noqa: S311 - the same every time
    for _ in range(400):
        expression, now = _expression(rng), NOW.replace(month=rng.randint(1, 12), day=rng.randint(1, 28))

        assert next(next_runs(expression, now)) == _cron_next_fire(_parse_cron_fields(expression), now), expression


def _expression(rng: random.Random) -> str:
    minute, hour, month = _field(rng, 0, 59), _field(rng, 0, 23), _field(rng, 1, 12)
    if rng.random() < 0.5:
        days = f"{rng.choice([_field(rng, 1, 28), 'L', f'{rng.randint(1, 28)}W'])} {month} ?"
    else:
        weekday = [_field(rng, 1, 7), "MON-FRI", f"{rng.randint(1, 7)}L", f"{rng.randint(1, 7)}#{rng.randint(1, 4)}"]
        days = f"? {month} {rng.choice(weekday)}"
    return f"cron({minute} {hour} {days} *)"


def _field(rng: random.Random, low: int, high: int) -> str:
    first, last = sorted(rng.sample(range(low, high + 1), 2))
    return rng.choice(["*", f"{first}", f"{first}-{last}", f"{first},{last}", f"{first}/2", "*/3"])


def test_a_rate_has_no_next_run_that_can_be_known() -> None:
    assert list(islice(next_runs("rate(6 hours)", NOW), 3)) == []


@pytest.mark.parametrize(
    "expression", ["cron(0 4 * * *)", "every day", "at(2026-12-01T00:00:00)", "cron(a b c d e f)", "cron(0 0 30 2 ? *)"]
)
def test_what_is_neither_is_an_error(expression: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        next(next_runs(expression, NOW))
