"""The errors that a job may end with.

JobError
├── ConfigError      a setting, the secret or the event is wrong: a person must change it
├── TransientError   the same call may go through later: Lambda's retry can help
└── PermanentError   the same call will fail again: a retry cannot help
"""


class JobError(Exception):
    """A job could not do its work; the text may be shown to operators and holds no secret."""


class ConfigError(JobError):
    """A setting, the secret or the event is wrong; the text names the key and what is allowed."""


class TransientError(JobError):
    """Something outside failed in a way that may pass."""


class PermanentError(JobError):
    """Something outside refused, and will refuse again."""


def as_job_error(exc: Exception, stage: str) -> JobError:
    """Return the error itself where it is ours, else one that shows no text of a library's."""
    if isinstance(exc, JobError):
        return exc
    # Whatever text a library put in its error goes to the log only, where secrets are hidden.
    return PermanentError(f"unexpected {type(exc).__name__} at stage {stage}; the log has the traceback")
