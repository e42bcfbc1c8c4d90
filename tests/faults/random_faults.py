"""`make faults`: cause a fault at a random moment, retry as Lambda does, and check the result; N times.

Seeded, so that a failure can be reproduced: `make faults SEED=7 N=50`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

from child import CONCURRENT_RUNS
from fault_proxy import ACCEPTS, MOODS, FaultProxy
from forks import Forks, forks
from local_aws import LocalAws
from oracle import SECRET, World, broken_by_cleanup, broken_by_output, broken_by_pushes, broken_by_stats, fill
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table
from server import Server

RESULT = Path("build/faults.json")
ATTEMPTS = 3
DATABASE = "joytify-faults"
JOBS = ("stats", "cleanup")
KILLED, FROZEN, ALL_AT_ONCE, WRONG_CLOCK = "killed", "frozen and thawed", "concurrent runs", "the clock is wrong"
BACKEND, AWS = "the backend ", "AWS "
# Code of a fork, which calls the handler as Lambda would.
RUN = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import boto3, httpx, joytify_cleanup.cleanup, joytify_common.job, joytify_stats.month_end
from child import run
"""

LOGGED = re.compile(r'"level": ?"(WARNING|ERROR)"')

Document = dict[str, Any]


def reset(at: Places, chance: Random) -> None:
    for _ in range(5):
        time.sleep(chance.uniform(0, 0.2))
        at.mongodb.proxy.reset()


def restart(at: Places, chance: Random) -> None:
    at.mongodb.restart_after(chance.uniform(0, 1))


def freeze(at: Places, chance: Random) -> None:
    at.mongodb.freeze(chance.uniform(0.5, 6))


def step_down(at: Places, _: Random) -> None:
    at.mongodb.step_down()


def slow(at: Places, chance: Random) -> None:
    at.mongodb.proxy.seconds = chance.choice([0.05, 2.0])
    time.sleep(6)
    at.mongodb.proxy.seconds = 0.0


def refuse(at: Places, chance: Random) -> None:
    """Refuse writes: the server is out of space, over its quota or overloaded, or there is a write conflict."""
    code = chance.choice([8000, 14031, 462, 112])
    # Each refusal may end one attempt, and the last attempt must not be refused.
    at.mongodb.fail(["update", "delete", "findAndModify", "commitTransaction"], ATTEMPTS - 1, errorCode=code)


def close_connections(at: Places, _: Random) -> None:
    at.mongodb.fail(["update", "delete", "find", "aggregate"], 3, closeConnection=True)


def slow_aws(at: Places, chance: Random) -> None:
    at.aws.proxy.seconds = chance.uniform(0.5, 3)
    time.sleep(6)
    at.aws.proxy.seconds = 0.0


def moody_aws(mood: str) -> Fault:
    def fault(at: Places, chance: Random) -> None:
        at.aws.proxy.take(mood)
        time.sleep(chance.uniform(1, 8))
        at.aws.calm()

    return fault


@dataclass(frozen=True)
class Places:
    """The services that the functions call, each behind a proxy that injects faults."""

    mongodb: Server
    aws: LocalAws


Fault = Callable[[Places, Random], None]
FAULTS: dict[str, Fault] = {
    "connections are reset": reset,
    "the server is killed and restarts": restart,
    "the server is frozen": freeze,
    "the primary steps down": step_down,
    "MongoDB is slow": slow,
    "the server refuses writes": refuse,
    "the server closes connections": close_connections,
    "AWS is slow": slow_aws,
    **{AWS + mood: moody_aws(mood) for mood in MOODS},
}
OF_THE_BACKEND = tuple(BACKEND + mood for mood in MOODS)


@dataclass(frozen=True)
class Trial:
    """One fault and its outcome.

    Attributes:
        noticed: whether a run logged a warning or an error, or a retry was needed. Otherwise the fault fell between
            calls, or the driver's own retry covered it.
        broken: rules that do not hold afterwards.
    """

    number: int
    job: str
    fault: str
    attempts: int
    noticed: bool
    ended_well: bool
    broken: tuple[str, ...]


class Faults:
    """Makes trials."""

    def __init__(self, at: Places, runs: Forks, chance: Random, folder: Path) -> None:
        self.at, self.runs, self.chance, self.folder = at, runs, chance, folder

    def trial(self, number: int) -> Trial:
        """Fill the database, let something go wrong, retry as Lambda does, and look."""
        job = self.chance.choice(JOBS)
        kinds = [KILLED, FROZEN, ALL_AT_ONCE, WRONG_CLOCK, *FAULTS, *(OF_THE_BACKEND if job == "stats" else ())]
        fault = self.chance.choice(kinds)
        with MongoClient[Document](self.at.mongodb.direct) as client:
            world = fill(client[DATABASE], self.chance)
        backend = FaultProxy(mood=fault.removeprefix(BACKEND) if fault in OF_THE_BACKEND else ACCEPTS)
        self.at.aws.begin(
            MONGODB_CONNECTION_STRING=self.at.mongodb.uri, API_DOMAIN=backend.url, API_INTERNAL_SECRET_KEY=SECRET
        )
        output = self.folder / f"{number}.log"
        output.touch()
        try:
            attempts, ended_well = self._run(job, fault, [job, f"request-{number}", str(output)])
        finally:
            backend.close()
        self.at.mongodb.calm()
        self.at.aws.calm()
        logged = output.read_text(encoding="utf-8", errors="replace")
        noticed = attempts > 1 or LOGGED.search(logged) is not None
        trial = Trial(number, job, fault, attempts, noticed, ended_well, ())
        broken = list(self._broken(trial, world, logged, backend.accepted_ids))
        # After every fault an attempt must succeed; with a wrong clock, every attempt must fail.
        if ended_well == (fault == WRONG_CLOCK):
            broken.append("it succeeded although the clock was wrong" if ended_well else "no attempt ended well")
        return replace(trial, broken=tuple(broken))

    def _broken(self, trial: Trial, world: World, logged: str, pushed: set[str]) -> Iterator[str]:
        reports, ended_well = self.at.aws.reports(), trial.ended_well
        with MongoClient[Document](self.at.mongodb.direct) as client:
            database = client[DATABASE]
            yield from broken_by_stats(database, world, ended_well=ended_well and trial.job == "stats")
            archived = self.at.aws.archived()
            yield from broken_by_cleanup(database, world, archived, ended_well=ended_well and trial.job == "cleanup")
            # A killed run reports no failed pushes, and a lost report does not arrive: then pushes cannot be checked.
            if trial.fault != KILLED and "ReportsLost" not in logged:
                yield from broken_by_pushes(database, reports, pushed)
        yield from broken_by_output(logged, reports, ended_well=ended_well)

    def _run(self, job: str, fault: str, call: list[str]) -> tuple[int, bool]:
        """Return how many attempts were made, and whether the last ended well."""
        once = [*call, "1", "0"]
        if fault == KILLED:
            self.runs.kill(self.chance.uniform(0, 2), *once)
            # The killed run was the first attempt; its transaction stays open for a while.
            return self._retried(once, first=2)
        if fault == FROZEN:
            code = self.runs.freeze(self.chance.uniform(0, 2), self.chance.uniform(1, 10), *once)
            return (1, True) if code == 0 else self._retried(once, first=2)
        if fault == ALL_AT_ONCE:
            return self._retried([*call, str(CONCURRENT_RUNS[job]), "0"], first=1)
        if fault == WRONG_CLOCK:
            off = self.chance.choice([-3600, 3600, 20 * 86400])
            return 1, self.runs.run(*call, "1", str(off)) == 0
        if fault in OF_THE_BACKEND:
            return self._retried(once, first=1)
        harm = Thread(target=self._harm, args=(FAULTS[fault], self.chance.uniform(0, 1.5)), daemon=True)
        harm.start()
        done = self.runs.run(*once) == 0
        # Wait until the fault is over: Lambda waits for a minute before it tries again.
        harm.join()
        return (1, True) if done else self._retried(once, first=2)

    def _harm(self, fault: Fault, moment: float) -> None:
        time.sleep(moment)
        fault(self.at, self.chance)

    def _retried(self, call: list[str], first: int) -> tuple[int, bool]:
        for attempt in range(first, ATTEMPTS + 1):
            if self.runs.run(*call) == 0:
                return attempt, True
        return ATTEMPTS, False


def trials(count: int, seed: int) -> list[Trial]:
    """Make this number of trials, and return their results."""
    chance = Random(seed)  # noqa: S311 - moments, not secrets
    made = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mongodb = Server(folder)
        stack.callback(mongodb.end)
        aws = LocalAws(folder)
        stack.callback(aws.end)
        runs = stack.enter_context(forks(RUN, aws.environment(DATABASE)))
        faults = Faults(Places(mongodb, aws), runs, chance, folder)
        for number in range(count):
            made.append(trial := faults.trial(number))
            _say(trial)
    return made


def _say(trial: Trial) -> None:
    says = (
        "BROKEN: " + "; ".join(trial.broken)
        if trial.broken
        else ("ended well" if trial.ended_well else "failed, as it must")
    )
    noticed = "" if trial.noticed else " (not noticed)"
    made = f"{trial.attempts} attempt{'s' if trial.attempts > 1 else ''}"
    Console(width=110).print(f"{trial.number:>4} {trial.job:<8} {trial.fault:<36} {made}: {says}{noticed}")


def main() -> None:
    """Make the trials, print a table, write build/faults.json; exit 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    made = trials(options.trials, options.seed)
    table = Table("job", "fault", "trials", "noticed", "ended well", "broken")
    for job, fault in sorted({(trial.job, trial.fault) for trial in made}):
        some = [trial for trial in made if (trial.job, trial.fault) == (job, fault)]
        broken = Counter(text for trial in some for text in trial.broken)
        well = sum(trial.ended_well for trial in some)
        noticed = sum(trial.noticed for trial in some)
        table.add_row(job, fault, str(len(some)), str(noticed), str(well), "; ".join(broken) or "nothing")
    console = Console(width=110)
    console.print(table)
    console.print(
        "noticed: a run logged a warning or an error, or a retry was needed; otherwise the fault fell between calls, "
        "or the driver's own retry covered it. broken: rules of docs/reliability.md that do not hold afterwards."
    )
    failed = sum(bool(trial.broken) for trial in made)
    console.print(
        f"faults: {'FAILED' if failed else 'ok'}, {failed} of {len(made)} trials broke a rule (seed {options.seed})"
    )
    RESULT.parent.mkdir(exist_ok=True)
    result = {"seed": options.seed, "trials": [trial.__dict__ for trial in made]}
    RESULT.write_text(json.dumps(result, indent=2), encoding="utf-8")
    sys.exit(1 if any(trial.broken for trial in made) else 0)


if __name__ == "__main__":
    main()
