"""One sample per kind of message, each with the payload that Discord gets.

To add a kind, add a file to tests/messages for an AWS message, or an entry to tests/own_messages.py for a message of
the pipeline.
`UPDATE_SNAPSHOTS=1 make test T=tests/contract/test_samples.py` writes the payloads anew; a person reads the diff.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from factories import sns_event
from own_messages import EVERY_MESSAGE

from joytify_discord.envelopes import parse_event
from joytify_discord.limits import payloads
from joytify_discord.rendering.dispatch import render
from joytify_local.discord_validation import check

MESSAGES = Path(__file__).parents[1] / "messages"
SAMPLES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(MESSAGES.glob("*.*"))}
SAMPLES |= {f"own_{name.replace(' ', '_')}": message.model_dump_json() for name, message in EVERY_MESSAGE.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_payload_equals_the_reviewed_one(name: str) -> None:
    (payload,) = payloads([render(one, ZoneInfo("Asia/Taipei")) for one in parse_event(sns_event(SAMPLES[name]))])
    snapshot = MESSAGES / "payloads" / f"{name}.json"
    made = json.dumps({**payload.body, "attachment": len(payload.attachment)}, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(made, encoding="utf-8")

    assert check(payload.body) is None
    assert made == snapshot.read_text(encoding="utf-8")


def test_every_snapshot_has_a_sample() -> None:
    assert {path.stem for path in (MESSAGES / "payloads").glob("*.json")} == set(SAMPLES)
