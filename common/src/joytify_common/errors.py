"""The errors that a job can raise.

JobError
├── ConfigError      a setting, the secret or the event is wrong: a person must change it
├── TransientError   the same call may succeed later: Lambda's retry can help
└── PermanentError   the same call will fail again: a retry cannot help
"""

from __future__ import annotations

from collections.abc import Sequence

from joytify_common.masking import clean

# Long enough for a person; an error that quotes its event could otherwise be a megabyte long.
MAX_CHARACTERS = 2000


class JobError(Exception):
    """A job could not do its work; the message contains no secret, so it may be shown to operators."""


class ConfigError(JobError):
    """A setting, the secret or the event is wrong; the text names the key and allowed values."""


class TransientError(JobError):
    """An external system failed in a way that may pass."""


class PermanentError(JobError):
    """An external system or our own check would refuse the same call again, or the error was unexpected."""


def worst(errors: Sequence[Exception]) -> Exception | None:
    """Return the first error that a retry cannot fix, else the first error; None without errors."""
    return next((error for error in errors if not isinstance(error, TransientError)), next(iter(errors), None))


def as_job_error(exc: Exception, stage: str) -> JobError:
    """Return the error if it is a JobError, else a PermanentError that omits the library's text.

    The text of a JobError is shortened if necessary, and secrets in it are masked.
    """
    if not isinstance(exc, JobError):
        # The text of a library's error goes to the log only.
        return PermanentError(f"unexpected {type(exc).__name__} at stage {stage}; the log has the traceback")
    text = clean(str(exc))
    exc.args = (text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + " ...",)
    return exc


def kind_of(error: JobError) -> str:
    """Return the name of the class in the tree above to which the error belongs; it shows whether a retry can help."""
    kinds = (ConfigError, TransientError, PermanentError)
    return next((kind.__name__ for kind in kinds if isinstance(error, kind)), type(error).__name__)
