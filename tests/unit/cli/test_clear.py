"""`joytify data clear` fails, instead of retrying for ever, if every deletion times out."""

from __future__ import annotations

from typing import cast

import pytest
from pymongo.collection import Collection
from pymongo.errors import WTimeoutError

from joytify_cli.data.commands import _remove_some
from joytify_common.mongo import Document


class Stalled:
    """A collection whose every deletion times out."""

    def delete_many(self, _: object) -> None:
        raise WTimeoutError("waiting for replication timed out")


def test_a_deletion_that_times_out_is_repeated_but_not_for_ever() -> None:
    collection = cast("Collection[Document]", Stalled())

    assert _remove_some(collection, is_last_try=False) is False
    with pytest.raises(WTimeoutError):
        _remove_some(collection, is_last_try=True)
