"""What a failure of the pipeline's own jobs shows: the error, the next step, and the commands for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from joytify_common.messages import CleanupError, FailureData, MonthlyStatsError
from joytify_discord.rendering.draft import DraftField
from joytify_discord.rendering.text import Authored, Text

NEXT_AFTER_FAILURE = (
    "Lambda retries a scheduled or queued event twice, then moves it to the function's dead-letter "
    "queue. A synchronous invocation is not retried."
)
NEXT_FOR_A_PERSON = "Fix the cause named in the error, then invoke the function again; a retry does not help."
# Names of functions as terraform/locals.tf builds them.
FUNCTION = re.compile(
    r"(?P<project>[a-z][a-z0-9-]*?)(?:-(?P<environment>dev|staging))?-(?:monthly-stats-notification|playback-data-cleanup)"
)
# Stages after which the work is done: a run that fails there is not retried.
NOT_RETRIED = frozenset({"hand-over", "summary"})
# What to do after an error, by its stage.
NEXT_AFTER = {
    "hand-over": "The notifications are delivered. Start cleanup manually: invoke its function.",
    "fan-out": (
        "The state machine has stopped, and its input is in the queue of failed events. The errors of the "
        "workers are in cleanup's log; fix the cause, then start the state machine again."
    ),
}


def _next_step(data: FailureData, flags: str) -> Text:
    if data.stage == "deletion limit":
        flags = f"{' --test-mode' if data.test_mode else ''}{flags}"
        return Authored(
            f"A retry stops in the same way. Check first with `joytify invoke cleanup --dry-run{flags}`; if the "
            f"number is right, run `joytify invoke cleanup --payload '{{\"ignoreDeletionLimit\": true}}'{flags}`."
        )
    usual = NEXT_AFTER_FAILURE if data.error_type == "TransientError" else NEXT_FOR_A_PERSON
    return NEXT_AFTER.get(data.stage, usual)


def flags_of(function: str) -> str:
    """Return the options of the `joytify` command for the deployment that has this function."""
    if (match := FUNCTION.fullmatch(function)) is None:
        return " --aws"
    project = f" --project {match['project']}" if match["project"] != "joytify" else ""
    environment = f" --environment {match['environment']}" if match["environment"] else ""
    return f" --aws{project}{environment}"


def failure_fields(message: MonthlyStatsError | CleanupError) -> Iterator[DraftField]:
    """Yield the error, the next step, the command that shows the log, and the page that explains the message."""
    data, flags = message.data, flags_of(message.source)
    yield DraftField(data.error_type, data.error, inline=False)
    yield DraftField("What next", _next_step(data, flags), inline=False)
    job = "stats" if isinstance(message, MonthlyStatsError) else "cleanup"
    request = re.sub(r"[^\w-]", "", data.request_id)
    yield DraftField("Log", Authored(f"`joytify tail {job} --request {request}{flags}`"), inline=False)
    yield DraftField("More", 'docs/operations.md, "What each message means"', inline=False)
