"""`make faults`: faults at random moments, each followed by Lambda's retries, and then what must hold.

Seeded, so that what was found can be found again: `make faults SEED=7 N=50`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any

from forks import forks
from oracle import World, broken_by_cleanup, broken_by_output, broken_by_stats, fill
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table
from server import Http, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from forks import Forks

RESULT = Path("build/faults.json")
ATTEMPTS = 3
DATABASE = "joytify-faults"
JOBS = ("stats", "cleanup")
WRONG_CLOCK = "the clock is wrong"
# Runs in a fork: as a function would, from the connection string on.
RUN = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from child import run
"""

Document = dict[str, Any]
Fault = Callable[[Server, Random], None]


def _random(most: float) -> Callable[[Random], float]:
    return lambda chance: chance.uniform(0, most)


def reset(server: Server, chance: Random) -> None:
    for _ in range(5):
        time.sleep(chance.uniform(0, 0.2))
        server.proxy.reset()


def restart(server: Server, chance: Random) -> None:
    server.restart_after(chance.uniform(0, 1))


def freeze(server: Server, chance: Random) -> None:
    server.freeze(chance.uniform(0.5, 6))


def step_down(server: Server, _: Random) -> None:
    server.step_down()


def slow(server: Server, chance: Random) -> None:
    server.slow(chance.choice([0.05, 2.0]))
    time.sleep(6)
    server.slow(0)


def refuse(server: Server, chance: Random) -> None:
    """Refuse what writes, as a server without space or a quota does, and as one that is overloaded."""
    code = chance.choice([8000, 14031, 462, 112])
    server.fail(["update", "delete", "findAndModify", "commitTransaction"], 3, errorCode=code)


def lose_answers(server: Server, _: Random) -> None:
    server.fail(["update", "delete", "find", "aggregate"], 3, closeConnection=True)


FAULTS: dict[str, Fault] = {
    "connections are reset": reset,
    "the server is killed and restarts": restart,
    "the server is frozen": freeze,
    "the primary steps down": step_down,
    "everything takes 2 s more": slow,
    "the server refuses writes": refuse,
    "answers are lost": lose_answers,
}
MOODS = ("closes early", "says nothing", "drips", "never ends", "answers a page", "refuses")


@dataclass(frozen=True)
class Trial:
    """One fault and what came of it."""

    number: int
    job: str
    fault: str
    attempts: int
    ended_well: bool
    broken: tuple[str, ...]


class Faults:
    """Makes trials on one server."""

    def __init__(self, server: Server, runs: Forks, chance: Random, folder: Path) -> None:
        self.server, self.runs, self.chance, self.folder = server, runs, chance, folder

    def trial(self, number: int) -> Trial:
        """Fill the database, let something go wrong, retry as Lambda does, and look."""
        job = self.chance.choice(JOBS)
        kinds = ["killed", "at once", WRONG_CLOCK, *FAULTS, *(f"the backend {mood}" for mood in MOODS)]
        fault = self.chance.choice(kinds if job == "stats" else kinds[: -len(MOODS)])
        with MongoClient[Document](self.server.direct) as client:
            world = fill(client[DATABASE], self.chance)
        output = self.folder / f"{number}.log"
        attempts, ended_well = self._run(job, fault, str(output))
        self.server.calm()
        with MongoClient[Document](self.server.direct) as client:
            broken = list(self._broken(client, job, world, output, ended_well=ended_well))
        # Lambda's attempts are enough for every fault but one, which no attempt may survive.
        if ended_well == (fault == WRONG_CLOCK):
            broken.append("it ran by a wrong clock" if ended_well else "no attempt ended well")
        return Trial(number, job, fault, attempts, ended_well, tuple(broken))

    def _broken(
        self, client: MongoClient[Document], job: str, world: World, output: Path, *, ended_well: bool
    ) -> Iterator[str]:
        look = broken_by_stats if job == "stats" else broken_by_cleanup
        yield from look(client[DATABASE], world, ended_well=ended_well)
        yield from broken_by_output(output.read_text(encoding="utf-8") if output.exists() else "")

    def _run(self, job: str, fault: str, output: str) -> tuple[int, bool]:
        """Return how many attempts were made, and whether the last ended well."""
        with _backend(fault) as backend:
            call = (job, self.server.uri, DATABASE, backend, output)
            if fault == "killed":
                self.runs.kill(self.chance.uniform(0, 0.6), *call, "0")
                # The transaction of a killed run is open for a while.
                return self._retried(call, first=2)
            if fault == "at once":
                return self._retried((*call[:4], output, "at once"), first=1)
            if fault == WRONG_CLOCK:
                code = self.runs.run(*call, str(self.chance.choice([-3600, 3600, 20 * 86400])))
                return 1, code == 0
            if fault in FAULTS:
                moment = self.chance.uniform(0, 0.5)
                thread = Thread(target=self._harm, args=(FAULTS[fault], moment), daemon=True)
                thread.start()
                done = self._retried(call, first=1)
                thread.join()
                return done
            return self._retried(call, first=1)

    def _harm(self, fault: Fault, moment: float) -> None:
        time.sleep(moment)
        fault(self.server, self.chance)

    def _retried(self, call: tuple[str, ...], first: int) -> tuple[int, bool]:
        mode = call[5] if len(call) > 5 else "0"
        for attempt in range(first, ATTEMPTS + 1):
            if self.runs.run(*call[:5], mode) == 0:
                return attempt, True
        return ATTEMPTS, False


@contextmanager
def _backend(fault: str) -> Iterator[str]:
    """Yield the address of a backend in this mood; of none if the fault is another."""
    mood = fault.removeprefix("the backend ")
    if mood not in MOODS:
        yield ""
        return
    service = Http(mood)
    try:
        yield service.url
    finally:
        service.close()


def trials(count: int, seed: int) -> list[Trial]:
    """Make so many trials, and return what came of each."""
    chance = Random(seed)  # noqa: S311 - moments, not secrets
    made = []
    with tempfile.TemporaryDirectory() as temporary, forks(RUN) as runs:
        server = Server(Path(temporary))
        try:
            faults = Faults(server, runs, chance, Path(temporary))
            for number in range(count):
                made.append(trial := faults.trial(number))
                _say(trial)
        finally:
            server.end()
    return made


def _say(trial: Trial) -> None:
    says = "; ".join(trial.broken) or ("ended well" if trial.ended_well else "failed, and said so")
    Console(width=110).print(f"{trial.number:>4} {trial.job:<8} {trial.fault:<36} {trial.attempts} attempts: {says}")


def main() -> None:
    """Make the trials, print a table, write build/faults.json; exit 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    made = trials(options.trials, options.seed)
    table = Table("job", "fault", "trials", "ended well", "broken")
    for job, fault in sorted({(trial.job, trial.fault) for trial in made}):
        some = [trial for trial in made if (trial.job, trial.fault) == (job, fault)]
        broken = Counter(text for trial in some for text in trial.broken)
        well = sum(trial.ended_well for trial in some)
        table.add_row(job, fault, str(len(some)), str(well), "; ".join(broken) or "nothing")
    Console(width=110).print(table)
    RESULT.parent.mkdir(exist_ok=True)
    told = {"seed": options.seed, "trials": [trial.__dict__ for trial in made]}
    RESULT.write_text(json.dumps(told, indent=2), encoding="utf-8")
    sys.exit(1 if any(trial.broken for trial in made) else 0)


if __name__ == "__main__":
    main()
