"""Parts that the posts about runs of stats and of cleanup share, and fields of their failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from joytify_common.messages import CleanupError, CleanupSummary, Message, MonthlyStatsError
from joytify_discord.embed import Incidents, Severity
from joytify_discord.parsing import Origin
from joytify_discord.rendering.draft import Draft, DraftField
from joytify_discord.rendering.links import log_page
from joytify_discord.rendering.text import UNKNOWN, Authored, Text, duration

NEXT_IF_RETRIED = (
    "Lambda retries a scheduled or queued event twice, then moves it to the function's dead-letter "
    "queue. A synchronous invocation is not retried."
)
NEXT_FOR_A_PERSON = "Fix the cause named in the error, then invoke the function again; without a fix, it fails again."
# Names of functions as terraform/locals.tf builds them.
FUNCTION = re.compile(
    r"(?P<project>[a-z][a-z0-9-]*?)(?:-(?P<environment>dev|staging))?-(?:monthly-stats-notification|playback-data-cleanup)"
)
# Stages that begin after the work is done: an error in such a stage does not fail the run, so Lambda does not retry it.
NOT_RETRIED = frozenset({"cleanup start", "summary"})
# What to do after an error, by its stage.
NEXT_AFTER = {
    "cleanup start": "The notifications are delivered. Start cleanup manually: invoke its function.",
    "fan-out": (
        "The state machine has stopped, and its input is in cleanup's dead-letter queue. The errors of the "
        "workers are in cleanup's log; fix the cause, then start the state machine again."
    ),
}


def _next_step(message: MonthlyStatsError | CleanupError) -> Text:
    data = message.data
    if data.stage == "deletion limit":
        flags = run_flags(message)
        return Authored(
            "The deletion limit stops a retry too. "
            f"`joytify invoke cleanup --dry-run{flags}` counts the expired documents; if they should be deleted, run "
            f"`joytify invoke cleanup --payload '{{\"ignoreDeletionLimit\": true}}'{flags}`."
        )
    usual = NEXT_IF_RETRIED if data.error_type == "TransientError" else NEXT_FOR_A_PERSON
    return NEXT_AFTER.get(data.stage, usual)


def flags_of(function: str) -> str:
    """Return the options of the `joytify` command for the deployment that has this function."""
    if (match := FUNCTION.fullmatch(function)) is None:
        return " --aws"
    project = f" --project {match['project']}" if match["project"] != "joytify" else ""
    environment = f" --environment {match['environment']}" if match["environment"] else ""
    return f" --aws{project}{environment}"


def run_flags(message: Message) -> str:
    """Return the options that make `joytify invoke` use the same collections and deployment as the run."""
    return f"{' --test-mode' if message.data.test_mode else ''}{flags_of(message.source)}"


def failure_fields(message: MonthlyStatsError | CleanupError) -> Iterator[DraftField]:
    """Yield the error, the next step, the command that shows the log, and the page that explains the message."""
    data = message.data
    yield DraftField(data.error_type, data.error or UNKNOWN, inline=False)
    yield DraftField("What next", _next_step(message), inline=False)
    job = "stats" if isinstance(message, MonthlyStatsError) else "cleanup"
    request = re.sub(r"[^\w-]", "", data.request_id)
    yield DraftField(
        "Log", Authored(f"`joytify tail {job} --request {request}{flags_of(message.source)}`"), inline=False
    )
    yield DraftField("More", 'docs/operations.md, "What each message means"', inline=False)


def run_draft(severity: Severity, title: str, message: Message, origin: Origin, fields: list[DraftField]) -> Draft:
    """Return the draft of a message about a run, with the fields that every such message has, and its incidents.

    Messages of the same request share a post, so Lambda's retries edit the post of the failure; messages
    of the same sequence of runs share a post too.
    """
    data = message.data
    draft = Draft(
        severity=severity,
        title=f"{title} [TEST MODE]" if data.test_mode else title,
        fields=[*fields, DraftField("Took", duration(data.execution_time_ms))],
        footer=message.source,
        timestamp=data.timestamp,
        url=log_page(origin.place, message.source, data.log_stream),
    )
    failed_at = message.data.stage if isinstance(message, MonthlyStatsError | CleanupError) else ""
    # A run that could not start cleanup publishes a summary and an error, and SNS may deliver them in any order. They
    # get separate posts, so that neither overwrites the other.
    own = () if failed_at in NOT_RETRIED else (f"request {data.request_id}",)
    chain = message.data.chain if isinstance(message, CleanupSummary | CleanupError) else None
    sequence = () if chain is None else (f"chain {chain.started_at.isoformat()}",)
    closes = not failed_at and not getattr(data, "continued", False)
    names = own + sequence if draft.is_alert else sequence + own
    return replace(draft, incidents=Incidents(names, closes=closes))
