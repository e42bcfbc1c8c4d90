"""Measures how long discord takes to parse, render and cut messages, and checks that Discord would accept each.

Run by `make bench-discord`; it writes build/bench/discord.json.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aws_messages import CASES
from factories import sns_event
from loguru import logger
from own_messages import EVERY_MESSAGE
from rich.console import Console

from joytify_discord.envelopes import parse_event
from joytify_discord.limits import payloads
from joytify_discord.rendering.dispatch import render
from joytify_local.discord_validation import check

RESULT = Path("build/bench/discord.json")
MESSAGES = Path(__file__).parents[1] / "messages"
GENERATED, RECORDS = 10_000, 1000
ZONE = ZoneInfo("Asia/Taipei")
ODD: list[Any] = [
    None,
    True,
    "",
    " ",
    "x" * 9000,
    "\ud800",
    "@everyone",
    "𝄞" * 3000,
    10**40,
    -1,
    0.1,
    [],
    {},
    [[]],
    {"": 0},
]
console = Console()


def samples() -> list[str]:
    """Return a message of every kind."""
    return [
        *(path.read_text("utf-8") for path in sorted(MESSAGES.glob("*.*"))),
        *(m.model_dump_json() for m in EVERY_MESSAGE.values()),
        *(case.message if isinstance(case.message, str) else json.dumps(case.message) for case in CASES.values()),
    ]


def generated(chance: random.Random, sources: list[str]) -> str:
    """Return a message of some kind with some of its values replaced by odd ones, or a text cut anywhere."""
    text = chance.choice(sources)
    try:
        value = json.loads(text)
    except ValueError:
        return text[: chance.randrange(len(text))] * chance.randrange(3)
    for container, key in chance.sample(places := list(_places([value])), k=min(len(places), chance.randrange(4))):
        container[key] = chance.choice(ODD)
    return json.dumps(value)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, (dict, list)):
            yield from _places(inner)


def measure(event: dict[str, Any]) -> tuple[int, int, float]:
    """Return how many messages an event makes, how many of them Discord refuses, and the seconds it took."""
    began = time.perf_counter()
    made = list(payloads([render(received, ZONE) for received in parse_event(event)]))
    took = time.perf_counter() - began
    return len(made), sum(check(json.loads(json.dumps(one.body))) is not None for one in made), took


def main() -> None:
    """Measure and write the figures down."""
    logger.remove()
    chance, sources = random.Random(20261101), samples()  # noqa: S311 - samples, not secrets
    rows = [measure(sns_event(generated(chance, sources))) for _ in range(GENERATED)]
    many = measure(sns_event(*(sources[number % len(sources)] for number in range(RECORDS))))
    large = measure(sns_event(json.dumps({f"key {number}": "x" * 40 for number in range(5000)})))
    told = {
        "generated": {
            "messages": len(rows),
            "without_a_message": sum(messages == 0 for messages, _, _ in rows),
            "refused": sum(refused for _, refused, _ in rows),
            "median_ms": round(statistics.median(took for _, _, took in rows) * 1000, 3),
            "longest_ms": round(max(took for _, _, took in rows) * 1000, 1),
        },
        "thousand_records": {"messages": many[0], "refused": many[1], "ms_per_record": round(many[2], 3)},
        "256_kb": {"messages": large[0], "refused": large[1], "ms": round(large[2] * 1000, 1)},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(told, indent=2), encoding="utf-8")
    console.print(told)


if __name__ == "__main__":
    main()
