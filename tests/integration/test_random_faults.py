"""A few trials of `make faults` with one seed; the invariants must hold after each."""

from __future__ import annotations

import random_faults

TRIALS, SEED = 4, 1


def test_the_invariants_hold_after_random_faults() -> None:
    made = random_faults.trials(TRIALS, SEED)

    assert len(made) == TRIALS
    assert [trial for trial in made if trial.broken] == []
