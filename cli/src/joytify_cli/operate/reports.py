"""`joytify reports`: build the users' monthly statistics from their plays, or compare the two."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from bson import ObjectId
from loguru import logger

from joytify_cli.data.guard import Confirm, Production, chosen_collections
from joytify_cli.database import Server
from joytify_cli.interruption import deferred_interruption
from joytify_cli.option_groups import App
from joytify_cli.progress import progress_bar
from joytify_cli.target import Where
from joytify_cli.terminal import INTERRUPTED, CommandError, UsageError, counted, fail, say
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline
from joytify_common.errors import JobError
from joytify_common.ids import BEGINNING, from_json, to_json
from joytify_stats.period import Period, resolve_period
from joytify_stats.rebuild import EXAMPLES, PARTS, Rebuild
from joytify_stats.rebuild_results import Built

if TYPE_CHECKING:
    from loguru import Message

app = App(help="Build or check monthly statistics from plays.", no_args_is_help=True)

# Effectively no deadline: the person at the terminal decides when to stop.
FOR_EVER_SECONDS = 7 * 86_400

PeriodOption = Annotated[str | None, typer.Option("--period", help="YYYY-MM; default: the last complete month")]
Replace = Annotated[bool, typer.Option("--replace", help="Also replace existing statistics, including the app's own")]
Compare = Annotated[bool, typer.Option("--compare", help="Write nothing; report where statistics and plays disagree")]
After = Annotated[
    str, typer.Option(metavar="USER_ID", help="Continue after this user: the id that the interrupted run printed")
]


@app.callback()
def main() -> None:
    """Build monthly statistics from plays, or compare the app's own statistics with the plays."""


@app.command()
def build(
    *,
    period: PeriodOption = None,
    replace: Replace = False,
    compare: Compare = False,
    after: After = "",
    server: Server,
    production: Production = False,
    confirm: Confirm = "",
    where: Where,
) -> None:
    """Build each user's missing statistics of a month from the plays.

    A month is refused if cleanup may have deleted some of its plays.

    Example: joytify reports build --period 2026-10 --compare --production
    """
    if replace and compare:
        raise UsageError("--compare writes nothing: leave out --replace")
    start = _position(after)
    try:
        month = resolve_period(period, datetime.now(UTC))
    except ValueError as exc:
        raise UsageError(f"--period: {exc}") from None
    with server.open(where) as target:
        if compare:
            names = collection_names(test_mode=not production)
        else:
            what = f"{'replace' if replace else 'build'} the statistics of {month} in"
            names = chosen_collections(target, what, production=production, confirm=confirm)
        deadline = Deadline(time.monotonic() + FOR_EVER_SECONDS)
        rebuild = Rebuild(target, names, month, replace=replace, deadline=deadline)
        if not production and target[names.playbacks].find_one({}, {"_id": 1}) is None:
            raise CommandError(f"{names.playbacks} is empty: use --production for the app's own collections")
        rebuild.check()
        total = target[names.users].estimated_document_count()
        with _warnings_shown():
            (_compare if compare else _build)(rebuild, month, start, total)


@contextmanager
def _warnings_shown() -> Iterator[None]:
    """Print the warnings that `rebuild` logs: the users that are skipped, and why."""
    sink = logger.add(_say_warning, level="WARNING")
    try:
        yield
    finally:
        logger.remove(sink)


def _say_warning(message: Message) -> None:
    record = message.record
    say(f"{record['message']}: " + ", ".join(f"{name} {value}" for name, value in record["extra"].items()))


def _position(after: str) -> Any:  # noqa: ANN401 - an _id may be of any type
    """Return the `_id` in the text: 24 hex digits, or Extended JSON for another type."""
    if not after:
        return BEGINNING
    if ObjectId.is_valid(after):
        return ObjectId(after)
    try:
        return from_json(json.loads(after))
    except ValueError:
        raise UsageError("--after must be 24 hex digits, or the Extended JSON of another type of _id") from None


def _named(user: object) -> str:
    """Return a user's `_id` in the form that `--after` accepts."""
    return str(user) if isinstance(user, ObjectId) else f"'{json.dumps(to_json(user))}'"


def _build(rebuild: Rebuild, month: Period, after: object, total: int) -> None:
    built = Built(last=after)
    try:
        with progress_bar() as bar, deferred_interruption() as is_interrupted:
            task = bar.add_task("users", total=total)
            for page in rebuild.build(after, goes_on=lambda: not is_interrupted()):
                built = built.plus(page)
                bar.advance(task, page.users)
    except (KeyboardInterrupt, JobError) as exc:
        why, code = (str(exc), 1) if isinstance(exc, JobError) else ("interrupted", INTERRUPTED)
        further = (
            ""
            if built.last is BEGINNING
            else f"; with --after {_named(built.last)} it does not examine the finished users again"
        )
        fail(
            f"{why}; {counted(built.users, 'user')} done, and everything written is complete; to continue, "
            f"run the same command again{further}",
            code,
        )
    say(f"{_examined(month, built.users, after)}; {built.written:,} statistics were written")
    if built.plays_skipped:
        say(f"{built.plays_skipped:,} documents of that month are not valid plays and were left out")
    _raise_if_skipped(built.users_skipped)


def _raise_if_skipped(users: int) -> None:
    if users:
        raise CommandError(f"{counted(users, 'user')} skipped, named above: their documents cannot be used")


def _examined(month: Period, users: int, after: object) -> str:
    return f"{month}: {users:,} users{'' if after is BEGINNING else f' after {_named(after)}'} examined"


def _compare(rebuild: Rebuild, month: Period, after: object, total: int) -> None:
    users_examined, skipped, totals, examples = 0, 0, Counter[str](), list[object]()
    with progress_bar() as bar:
        task = bar.add_task("users", total=total)
        for page in rebuild.compare(after):
            totals.update({"users": page.users, "missing": page.missing, **page.differing})
            examples.extend(page.examples[: EXAMPLES - len(examples)])
            users_examined += page.examined
            skipped += page.skipped
            bar.update(task, advance=page.examined)
    say(_examined(month, users_examined, after))
    say(f"{totals['users']:,} of them have plays; {totals['missing']:,} of these have no statistics")
    for part in PARTS:
        say(f"{part}: the statistics of {totals[part]:,} users differ from their plays by a millisecond or more")
    if examples:
        say("users whose statistics differ, for instance: " + ", ".join(map(str, examples)))
    advice = {
        "without --compare, the same command builds the missing statistics": totals["missing"],
        "--replace instead of --compare also replaces statistics that disagree with the plays": len(examples),
    }
    if found := [text for text, users in advice.items() if users]:
        say("; ".join(found))
        raise typer.Exit(1)
    _raise_if_skipped(skipped)
