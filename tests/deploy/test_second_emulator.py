"""The same Terraform on moto, with other variables; tests/second_emulator.py has run it."""

from __future__ import annotations

from typing import Any

import pytest

# Applying, which the first test waits for, takes minutes.
pytestmark = [pytest.mark.xdist_group("terraform"), pytest.mark.timeout(1800)]

FUNCTIONS = {f'module.function["{name}"].aws_lambda_function.this' for name in ("stats", "cleanup", "discord")}


def test_a_second_plan_is_empty_except_for_the_emulators_gap(second_emulator: dict[str, Any]) -> None:
    """The function has no image configuration. AWS returns null for it; moto returns an object with empty lists."""
    assert second_emulator["everything"]["drift"] == {address: ["image_config"] for address in FUNCTIONS}
    assert second_emulator["bootstrap"]["drift"] == {}


@pytest.mark.parametrize("stack", ["bootstrap", "everything"])
def test_what_was_made_is_destroyed(second_emulator: dict[str, Any], stack: str) -> None:
    made, destroyed = (second_emulator[stack][key] for key in ("made", "destroyed"))

    assert made == destroyed > 20


def test_every_example_can_be_planned(second_emulator: dict[str, Any]) -> None:
    planned = second_emulator["planned"]

    assert planned.keys() == {"smallest.tfvars", "two-environments/dev.tfvars", "two-environments/prod.tfvars"}
    # In prod, alarm_email adds a topic, its policy and a subscription; in dev, enable_test_schedule adds a rule, a
    # target and a permission.
    smallest = planned["smallest.tfvars"]
    assert planned["two-environments/prod.tfvars"] == planned["two-environments/dev.tfvars"] == smallest + 3
