"""`joytify reports`: the users' monthly statistics, built from their plays or held against them."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from bson import ObjectId
from bson.errors import InvalidId

from joytify_cli.data.guard import Confirm, Production, chosen_collections
from joytify_cli.database import Name, Uri, open_database
from joytify_cli.progress import progress_bar
from joytify_cli.target import Aws, Environment, Project  # noqa: TC001 - typer reads the annotations
from joytify_cli.terminal import CommandError, UsageError, say
from joytify_common.collections import collection_names
from joytify_common.deadline import Deadline
from joytify_common.errors import ConfigError, JobError
from joytify_stats.period import resolve_period
from joytify_stats.rebuild import EXAMPLES, PARTS, Rebuild
from joytify_stats.settings import ReadPreference

if TYPE_CHECKING:
    from joytify_stats.period import Period

app = typer.Typer(help="Build monthly statistics from plays, or compare.", no_args_is_help=True, add_completion=False)

# Nobody but the person at the terminal ends it.
FOR_EVER_SECONDS = 7 * 86_400

PeriodOption = Annotated[str | None, typer.Option("--period", help="YYYY-MM; default: the last complete month")]
Replace = Annotated[bool, typer.Option("--replace", help="Also replace the elements that are there, the app's own too")]
Compare = Annotated[bool, typer.Option("--compare", help="Write nothing; tell where elements and plays disagree")]
After = Annotated[str, typer.Option(metavar="USER_ID", help="Go on after this user, as one that was stopped says")]
Preference = Annotated[ReadPreference, typer.Option(help="Which nodes of a replica set are read")]


@app.callback()
def main() -> None:
    """Build monthly statistics from plays, or hold the app's own against them."""


@app.command()
def build(
    *,
    period: PeriodOption = None,
    replace: Replace = False,
    compare: Compare = False,
    after: After = "",
    read_preference: Preference = "primary",
    uri: Uri = None,
    database: Name = None,
    production: Production = False,
    confirm: Confirm = "",
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Build each user's statistics of a month from the plays, where they are missing.

    A month of which cleanup may have deleted plays is refused.

    Example: joytify reports build --period 2026-10 --compare --production
    """
    if replace and compare:
        raise UsageError("--compare writes nothing: leave out --replace")
    start = _position(after)
    try:
        month = resolve_period(period, datetime.now(UTC))
    except ConfigError as exc:
        raise UsageError(str(exc).replace("event: period", "--period")) from None
    with open_database(uri, database, aws=aws, project=project, environment=environment) as target:
        if compare:
            names = collection_names(test_mode=not production)
        else:
            what = f"{'replace' if replace else 'build'} the statistics of {month} in"
            names = chosen_collections(target, what, production=production, confirm=confirm)
        deadline = Deadline(time.monotonic() + FOR_EVER_SECONDS)
        rebuild = Rebuild(target, names, month, replace=replace, read_preference=read_preference, deadline=deadline)
        if not production and target[names.playbacks].find_one({}, {"_id": 1}) is None:
            raise CommandError(f"{names.playbacks} is empty: with --production the app's own collections are meant")
        rebuild.check()
        total = target[names.users].estimated_document_count()
        (_compare if compare else _build)(rebuild, month, start, total)


def _position(after: str) -> ObjectId | None:
    try:
        return ObjectId(after) if after else None
    except InvalidId:
        raise UsageError("--after: it must be 24 hex digits") from None


def _build(rebuild: Rebuild, month: Period, after: ObjectId | None, total: int) -> None:
    users, last = 0, after
    try:
        with progress_bar() as bar:
            task = bar.add_task("users", total=total)
            for chunk in rebuild.build(after):
                users, last = users + chunk.users, chunk.last
                bar.advance(task, chunk.users)
    except (KeyboardInterrupt, JobError) as exc:
        why = str(exc) or "stopped"
        further = f", faster with --after {last}" if last else ""
        raise CommandError(
            f"{why}; {users:,} users are done, what is written is whole, and the same command goes on{further}"
        ) from None
    say(f"{_examined(month, users, after)}; those with plays in that month have statistics for it")


def _examined(month: Period, users: int, after: ObjectId | None) -> str:
    return f"{month}: {users:,} users{f' after {after}' if after else ''} examined"


def _compare(rebuild: Rebuild, month: Period, after: ObjectId | None, total: int) -> None:
    looked_at, totals, examples = 0, Counter[str](), list[ObjectId]()
    with progress_bar() as bar:
        task = bar.add_task("users", total=total)
        for chunk in rebuild.compare(after):
            totals.update({"users": chunk.users, "missing": chunk.missing, **chunk.differing})
            examples.extend(chunk.examples[: EXAMPLES - len(examples)])
            looked_at += chunk.looked_at
            bar.update(task, advance=chunk.looked_at)
    say(_examined(month, looked_at, after))
    say(f"{totals['users']:,} of them have plays; {totals['missing']:,} of those have no statistics for it")
    for part in PARTS:
        say(f"{part}: {totals[part]:,} disagree with the plays")
    if examples:
        say("for instance: " + ", ".join(map(str, examples)))
    advice = {
        "the same command without --compare builds what is missing": totals["missing"],
        "with --replace the plays decide where they disagree": len(examples),
    }
    if found := [text for text, users in advice.items() if users]:
        raise CommandError("; ".join(found))
