"""Facts that must be stated in two places: each test checks that the two agree."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from own_messages import EVERY_MESSAGE

from joytify_cleanup.cleanup import LATE_COUNT_SECONDS
from joytify_cleanup.database_size import AFTER_SECONDS, FORECAST_SECONDS
from joytify_cleanup.metrics import put_report
from joytify_cleanup.report import CleanupReport, CollectionOutcome, Purged
from joytify_cleanup.retention import POLICIES
from joytify_cleanup.settings import CleanupSettings
from joytify_cli.data.population import RETENTION_DAYS
from joytify_cli.operate.checks.functions import MIN_TIMEOUT_SECONDS
from joytify_cli.operate.rules import OFF_IN_TERRAFORM
from joytify_cli.prove.demo import DATABASE
from joytify_cli.target import MAX_DAYS_WITHOUT_SUCCESS
from joytify_common.aws import QUICK_CONFIG
from joytify_common.collections import PRODUCTION, TEST
from joytify_common.deadline import GRACE_SECONDS, RESERVE_SECONDS
from joytify_common.heartbeat import put_success
from joytify_common.invoke import RETRY_SECONDS
from joytify_common.job import REPORTS_LOST
from joytify_common.messages import MESSAGE_TYPES, Message, Storage
from joytify_common.metrics import put_metrics
from joytify_common.secrets import KEYS
from joytify_local.aws import API_KEY, WEBHOOK_TOKEN

ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
]


def texts(*suffixes: str) -> dict[Path, str]:
    """Return the texts of the repository's files with these endings."""
    return {file: file.read_text(encoding="utf-8") for file in FILES if str(file).endswith(suffixes)}


def matches_in_files(pattern: str, *suffixes: str) -> set[str]:
    """Return what the pattern's group matches in files with these endings."""
    return {match for text in texts(*suffixes).values() for match in re.findall(pattern, text)}


def test_every_metric_that_terraform_names_is_one_that_the_code_emits(capsys: pytest.CaptureFixture[str]) -> None:
    storage = Storage(used_bytes=1, limit_bytes=2, percent=50.0)
    put_report(
        "f",
        CleanupReport(
            outcomes=(CollectionOutcome(kind="playbacks", name="p", purged=Purged(seconds=(0.1,)), remaining=0),),
            storage=storage,
        ),
    )
    put_success("f")
    put_metrics("f", {REPORTS_LOST: (MetricUnit.Count, 1)})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    emitted = {m["Name"] for line in lines for each in line["_aws"]["CloudWatchMetrics"] for m in each["Metrics"]}

    terraform = "\n".join(texts(".tf").values())
    lists = re.findall(r"for metric in \[([^]]*)\] : \[\"Joytify\"", terraform)
    named = {
        *re.findall(r'namespace +?= "Joytify"\s+metric_name += "(\w+)"', terraform),
        *re.findall(r'\["Joytify", "(\w+)"', terraform),
        *(name for names in lists for name in re.findall(r'"(\w+)"', names)),
    }

    assert len(named) >= 6
    assert named <= emitted


def test_the_parts_of_the_reserved_time_add_up_to_at_most_the_reserve() -> None:
    counts = LATE_COUNT_SECONDS * len(POLICIES)
    # To start the next run, no retry is scheduled after RETRY_SECONDS, a wait is at most `longest_wait`, and an attempt
    # takes at most `call`. Publishing the outcome is one more call, which SNS does not answer.
    longest_wait, call = 0.5, QUICK_CONFIG.connect_timeout + QUICK_CONFIG.read_timeout
    conclude = RETRY_SECONDS + longest_wait + 2 * call

    # The sum has no separate term for the time that the client waits for the response of a count: GRACE_SECONDS, which
    # is in the sum, covers that time.
    assert GRACE_SECONDS + counts + AFTER_SECONDS + FORECAST_SECONDS + conclude <= RESERVE_SECONDS


def test_made_up_data_expires_when_cleanups_default_says() -> None:
    assert CleanupSettings.model_fields["cleanup_days"].default == RETENTION_DAYS


def test_the_secrets_keys_that_the_functions_read_are_those_that_are_described() -> None:
    sources = "\n".join(text for file, text in texts(".py").items() if {"common", "images"} & set(file.parts))
    constants = re.findall(r'^[A-Z_, ]*_KEY = (".+")$', sources, flags=re.MULTILINE)
    calls = re.findall(r'\.(?:require|text)\(("[A-Z_]+")', sources)

    assert {name for each in (*constants, *calls) for name in re.findall(r'"([A-Z_]+)"', each)} == KEYS.keys()


def test_every_message_type_is_part_of_the_contract() -> None:
    assert len(MESSAGE_TYPES) == len(get_args(Message))
    assert {message.type for message in EVERY_MESSAGE.values()} == MESSAGE_TYPES


@pytest.mark.parametrize(
    ("pattern", "suffixes"),
    [
        (r"(?:ministack==|ministackorg/ministack:)(\d[\d.]+\d)", (".toml", ".txt", ".yml", "lib.sh")),
        (r"(?:BASE_IMAGE=|REAL_BASE=)(public\.ecr\.aws/\S+)", ("Dockerfile", "lib.sh")),
        (r"joytify-stand-in/debian:(\w+)", ("Dockerfile", "bin/stand-ins", "stand-ins")),
        (r"mongo:(\d[\d.]*)", (".yml", "lib.sh", "conftest.py")),
        (r"terraform_version: ([\d.]+)", (".yml",)),
        (r"(actions/checkout@\S+)", (".yml",)),
    ],
    ids=["MiniStack", "base image", "Debian", "MongoDB", "Terraform", "checkout"],
)
def test_a_pin_is_the_same_wherever_it_stands(pattern: str, suffixes: tuple[str, ...]) -> None:
    files = {file for file, text in texts(*suffixes).items() if re.search(pattern, text)}

    assert len(files) >= 2
    assert len(matches_in_files(pattern, *suffixes)) == 1


def test_compose_has_the_same_keys_and_database_as_the_code() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    assert all(value in compose for value in (API_KEY, WEBHOOK_TOKEN, f"--database={DATABASE}"))
    assert f"--database {DATABASE} " in (ROOT / "bin" / "up").read_text(encoding="utf-8")


def test_every_linked_page_is_in_the_repository_and_pages_outside_it_are_not_cited() -> None:
    missing = [
        (str(file.relative_to(ROOT)), link)
        for file, text in texts(".md").items()
        for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
        if not (file.parent / link).exists()
    ]
    cited = matches_in_files(r"\b((?:DESIGN|STYLE|LOCAL-AWS|DEVELOPERS)\.md)", ".py", ".md", ".tf", ".sh", ".yml")

    assert missing == []
    assert cited == set()


def test_every_collection_that_is_cleaned_has_a_name_in_both_modes() -> None:
    assert all((getattr(PRODUCTION, kind), getattr(TEST, kind)) == (kind, f"test-{kind}") for kind in POLICIES)


def test_doctor_allows_as_many_days_without_a_success_as_the_alarm() -> None:
    text = Path("terraform/alarms.tf").read_text(encoding="utf-8")
    found = re.search(r"longest_silence_days = \{ stats = (\d+), cleanup = (\d+) \}", text)

    assert found is not None
    assert {"stats": int(found[1]), "cleanup": int(found[2])} == MAX_DAYS_WITHOUT_SUCCESS


def test_doctor_requires_the_minimum_timeout_of_terraform() -> None:
    text = Path("terraform/variables_operation.tf").read_text(encoding="utf-8")

    assert re.findall(r"timeout_seconds >= (\d+)", text) == [str(MIN_TIMEOUT_SECONDS)] * 2


def test_doctor_looks_for_the_variable_that_terraform_names_in_a_disabled_rules_description() -> None:
    assert OFF_IN_TERRAFORM in matches_in_files(r"disabled by (\w+) = false", "schedules.tf")
