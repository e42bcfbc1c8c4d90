"""Optional packages: only some commands need them, and operators can install the CLI without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from joytify_cli.terminal import UsageError

# For each optional module, what to pass to `pip install` (a path in the repository, since our packages are
# on no package index), and an alternative if there is one.
EXTRAS = {"joytify_local": "'./local[embedded]' for a local stack, or use --aws", "matplotlib": "'./cli[chart]'"}


@contextmanager
def missing_extras() -> Iterator[None]:
    """Turn the failed import of an optional package into an error that says what to install.

    Raises:
        UsageError: an optional package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (extra := EXTRAS.get(str(exc.name).partition(".")[0])) is None:
            raise
        text = f"this command needs more packages: run `make init` in the repository, or pip install {extra}"
        raise UsageError(text) from None
