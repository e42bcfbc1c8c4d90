"""Packages that only some commands need, so that an operator installs without them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from joytify_cli.terminal import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

# By the extra of joytify-cli that brings them.
EXTRAS = {"joytify_local": "local", "matplotlib": "chart"}


@contextmanager
def missing_extras() -> Iterator[None]:
    """Name the extra to install if the block imports a package that is not installed.

    Raises:
        UsageError: it does.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (extra := EXTRAS.get(str(exc.name).partition(".")[0])) is None:
            raise
        raise UsageError(f"this needs more packages: pip install 'joytify-cli[{extra}]'") from None
