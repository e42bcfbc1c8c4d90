"""Checks that the Terraform files agree with the functions' settings and with the generated documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import hcl2
import pytest
from terraform_docs import FOLDERS, ROOT, document, variables, written

from joytify_cleanup.settings import CleanupSettings
from joytify_common.deadline import RESERVE_SECONDS
from joytify_common.events import MAX_CONTINUATIONS
from joytify_common.settings import RENAMED
from joytify_discord.settings import DiscordSettings
from joytify_stats.delivery import PAGE_SECONDS
from joytify_stats.settings import StatsSettings

# Settings that Terraform fills in from the resources it creates: names and ARNs.
WIRED = {
    "secret_id",
    "sns_topic_arn",
    "cleanup_function_name",
    "cleanup_state_machine_arn",
    "cleanup_archive_bucket",
    "discord_memory_table",
}
SETTINGS = {
    name: field
    for model in (StatsSettings, CleanupSettings, DiscordSettings)
    for name, field in model.model_fields.items()
    if name not in WIRED
}
VARIABLES = {variable.name: variable for variable in variables(ROOT)}
IDS = [str(folder.relative_to(ROOT.parent)) for folder in FOLDERS]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_a_variable_with_the_same_default(name: str) -> None:
    assert VARIABLES[name].value == SETTINGS[name].default


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_reaches_its_function_under_its_own_name(name: str) -> None:
    wiring = (ROOT / "functions.tf").read_text(encoding="utf-8")

    assert re.search(rf"\b{name.upper()} += (tostring\()?var\.{name}\b", wiring)


def test_one_example_sets_every_variable_to_a_non_default_value() -> None:
    text = (ROOT / "examples" / "everything.tfvars").read_text(encoding="utf-8")
    parsed = {name: value for name, value in hcl2.loads(text).items() if not name.startswith("__")}
    example = {name: json.loads(value) if isinstance(value, str) else value for name, value in parsed.items()}

    # Not in the example: the digests, which `make push` writes, and the variables with old names, which exist only
    # so that setting one of them is an error that names the new variable.
    assert example.keys() == VARIABLES.keys() - {"image_digests", *map(str.lower, RENAMED)}
    assert [name for name, value in example.items() if value == VARIABLES[name].value] == []


def test_terraform_and_the_code_set_aside_the_same_time_at_the_end_of_a_stats_run() -> None:
    text = (ROOT / "functions.tf").read_text(encoding="utf-8")

    assert f"var.monthly_stats_timeout_seconds - {RESERVE_SECONDS + PAGE_SECONDS:.0f}\n" in text


def test_no_sequence_of_runs_is_longer_than_lambda_allows() -> None:
    """Lambda stops a function at about 16 invocations in one sequence."""
    assert MAX_CONTINUATIONS + 1 < 16
    (sentence,) = VARIABLES["cleanup_max_continuations"].validations
    assert f"from 0 to {MAX_CONTINUATIONS}:" in sentence


def test_defaults_are_those_of_joytify_apps_scheduler_which_this_project_replaces() -> None:
    known = {
        "environment": "prod",
        "region": "ap-northeast-1",
        "cloudwatch_log_retention_days": 30,
        "project_name": "joytify",
        "lambda_memory_size": 1024,
        "cleanup_days": 60,
        "cleanup_batch_size": 10000,
        "cleanup_batch_delay_ms": 100,
        "cleanup_timeout_safety_minutes": 14,
        "monthly_stats_timeout_seconds": 300,
        "playback_cleanup_timeout_seconds": 900,
    }

    assert {name: VARIABLES[name].value for name in known} == known


def test_every_validation_is_tried_with_a_value_out_of_range() -> None:
    text = (ROOT / "tests" / "validation.tftest.hcl").read_text(encoding="utf-8")

    refused = re.findall(r"expect_failures = \[([^]]+)\]", text)
    tried = set(re.findall(r"var\.(\w+)", "".join(refused)))
    assert tried == {name for name, variable in VARIABLES.items() if variable.type != "bool"}
    assert tried == {name for name, variable in VARIABLES.items() if variable.validations}


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_a_validation_names_its_variable_and_what_is_allowed(folder: Path) -> None:
    vague = [
        (variable.name, sentence)
        for variable in variables(folder)
        for sentence in variable.validations
        if not re.match(rf"{variable.name} must .{{5,}}\.$", sentence)
    ]

    assert vague == []


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_the_tables_are_not_stale(folder: Path) -> None:
    assert written(folder) == document(folder), "run `make docs`"


@pytest.mark.parametrize("folder", [ROOT, ROOT / "bootstrap"], ids=IDS[:2])
def test_the_lock_file_contains_hashes_for_every_platform(folder: Path) -> None:
    lock = (folder / ".terraform.lock.hcl").read_text(encoding="utf-8")

    assert lock.count('"zh:') == 15
    assert '"h1:' in lock
