"""The errors that a job may end with.

JobError
├── ConfigError      a setting, the secret or the event is wrong: a person must change it
├── TransientError   the same call may go through later: Lambda's retry can help
└── PermanentError   the same call will fail again: a retry cannot help
"""

from __future__ import annotations

from collections.abc import Sequence

from joytify_common.masking import clean

# A longer text helps nobody; an event that is quoted may have a megabyte.
MAX_CHARACTERS = 2000


class JobError(Exception):
    """A job could not do its work; the text may be shown to operators and holds no secret."""


class ConfigError(JobError):
    """A setting, the secret or the event is wrong; the text names the key and what is allowed."""


class TransientError(JobError):
    """Something outside failed in a way that may pass."""


class PermanentError(JobError):
    """Something outside refused, and will refuse again."""


def worst(errors: Sequence[Exception]) -> Exception | None:
    """Return the error that decides: one that a retry cannot help before one that it can; None if there is none."""
    return next((error for error in errors if not isinstance(error, TransientError)), next(iter(errors), None))


def as_job_error(exc: Exception, stage: str) -> JobError:
    """Return the error itself if it is ours, else one that shows no text of a library's; neither shows a secret."""
    if not isinstance(exc, JobError):
        # Whatever text a library put in its error goes to the log only.
        return PermanentError(f"unexpected {type(exc).__name__} at stage {stage}; the log has the traceback")
    text = clean(str(exc))
    exc.args = (text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + " ...",)
    return exc


def kind_of(error: JobError) -> str:
    """Return the name of the error's kind, which tells whether a retry can help."""
    kinds = (ConfigError, TransientError, PermanentError)
    return next((kind.__name__ for kind in kinds if isinstance(error, kind)), type(error).__name__)
