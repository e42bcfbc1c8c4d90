"""Rules of EventBridge as doctor sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.checks.monitoring import CHECKS
from joytify_cli.operate.rules import find_rules
from joytify_cli.target import Names, Target

STATS, CLEANUP = Names().functions["stats"], Names().functions["cleanup"]


class FakeEvents:
    """EventBridge with the two production rules and the heartbeat."""

    def __init__(self, state: str, description: str) -> None:
        self.rules = [
            {"Name": f"joytify-{name}", "ScheduleExpression": "rate(6 hours)", "State": one, "Description": text}
            for name, one, text in (
                ("monthly-stats", state, description),
                ("weekly-cleanup", state, description),
                ("heartbeat", "ENABLED", "Makes the jobs report their last success"),
            )
        ]

    def get_paginator(self, _: str) -> Any:
        rules = self.rules

        class Pages:
            def paginate(self, **_: str) -> list[dict[str, Any]]:
                return [{"Rules": rules}]

        return Pages()

    def list_targets_by_rule(self, Rule: str) -> dict[str, Any]:  # noqa: N803 - AWS' name
        name = STATS if Rule.endswith("stats") else CLEANUP
        event = '{"heartbeat": true}' if Rule.endswith("heartbeat") else '{"scheduleMode": "production"}'
        return {"Targets": [{"Arn": f"arn:aws:lambda:eu-west-1:111122223333:function:{name}", "Input": event}]}


class FakeTarget(Target):
    """An account in which only EventBridge answers."""

    def client(self, service: str, *_: object) -> Any:
        assert service == "events"
        return EVENTS[0]


EVENTS: list[FakeEvents] = []


def context(state: str, description: str) -> Context:
    EVENTS[:] = [FakeEvents(state, description)]
    made = Context(FakeTarget(), Path("none"))
    made.__dict__.update(identity={}, secret={})
    return made


@pytest.mark.parametrize(
    ("state", "description", "status", "says", "scheduled"),
    [
        ("ENABLED", "Cleans up once a week", "ok", "next", True),
        ("DISABLED", "Cleans up once a week", "wrong", "paused", True),
        ("DISABLED", "Cleans up; disabled by enable_schedules = false", "note", "disabled by Terraform", False),
        ("ENABLED", "Cleans up; disabled by enable_schedules = false", "ok", "next", True),
    ],
)
def test_a_rule_that_terraform_disables_is_no_fault(
    state: str, description: str, status: str, says: str, *, scheduled: bool
) -> None:
    examined = context(state, description)
    (check,) = (check for check in CHECKS if check.name == "schedules")

    found = {finding.says: finding.status for finding in check.findings(examined) if "heartbeat" not in finding.says}

    assert set(found.values()) == {status}
    assert all(says in text for text in found)
    assert len(find_rules(examined.target)) == 3
    assert [examined.is_scheduled(name) for name in (STATS, CLEANUP)] == [scheduled, scheduled]
