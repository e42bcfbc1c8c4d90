from __future__ import annotations

from itertools import islice

import pytest

from joytify_stats.pages import FIRST_PAGE_USERS, page_sizes


@pytest.mark.parametrize(
    ("most", "sizes"),
    [(5000, [500, 1000, 2000, 4000, 5000, 5000]), (3, [3, 3, 3, 3, 3, 3]), (FIRST_PAGE_USERS, [500] * 6)],
)
def test_the_first_pages_are_small_and_grow_to_the_bound(most: int, sizes: list[int]) -> None:
    assert list(islice(page_sizes(most), 6)) == sizes
