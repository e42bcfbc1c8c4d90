"""Packages that only some commands need, so that an operator installs without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from joytify_cli.terminal import UsageError

# What to install, from the repository; the packages are on no index.
EXTRAS = {"joytify_local": "'./local[embedded]' for a local stack, or say --aws", "matplotlib": "'./cli[chart]'"}


@contextmanager
def missing_extras() -> Iterator[None]:
    """Say what to install if the block imports a package that is not installed.

    Raises:
        UsageError: it does.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (extra := EXTRAS.get(str(exc.name).partition(".")[0])) is None:
            raise
        text = f"this needs more packages: `make init` in the repository, or elsewhere pip install {extra}"
        raise UsageError(text) from None
