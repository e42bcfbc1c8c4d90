"""`joytify data`: generate, count, check and remove data in the pipeline's collections."""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime
from typing import Annotated

import typer
from pymongo import timeout
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError
from rich.progress import Progress
from rich.table import Column, Table

from joytify_cli.data import index_commands
from joytify_cli.data.generate import fill
from joytify_cli.data.guard import Confirm, Production, chosen_collections
from joytify_cli.data.population import RETENTION_DAYS, SPREAD_DAYS, Population, email
from joytify_cli.data.verify import faults
from joytify_cli.database import Server
from joytify_cli.interruption import deferred_interruption
from joytify_cli.option_groups import App
from joytify_cli.progress import progress_bar
from joytify_cli.target import Where
from joytify_cli.terminal import INTERRUPTED, UsageError, console, counted, fail, say
from joytify_common.collections import CollectionNames, collection_names
from joytify_common.mongo import Document

app = App(help="Generate, count, check and remove data.", no_args_is_help=True)
app.add_typer(index_commands.app, name="indexes")

# The largest seed for which a generated `_id` has room.
MAX_SEED = (1 << 24) - 1
# How long `clear` deletes at a time.
REMOVE_SECONDS = 1.0
# How long to wait for the counts after Ctrl-C.
COUNT_SECONDS = 10.0
# After this many such tries in a row without progress, `clear` fails.
MAX_STALLED = 30

Users = Annotated[int, typer.Argument(min=1, max=100_000_000, metavar="N", help="Number of users")]
Playbacks = Annotated[int, typer.Option(min=0, help="Average number of playbacks per user")]
Days = Annotated[int, typer.Option(min=1, max=3650, help="Days over which playbacks and sessions are spread")]
ExpiredShare = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help=f"Share of the data that is older than {RETENTION_DAYS} days; default: spread evenly over --days",
    ),
]
ActiveShare = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share of the users who play three times as much as the others"),
]
Seed = Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="A different seed generates different users")]
Shuffle = Annotated[bool, typer.Option("--shuffle", help="Insert the playbacks in random order instead of by time")]


@app.command(
    "append",
    help="Add N users to the existing data, with the same kinds of documents as `generate`.\n\n"
    "Example: joytify data append 500 --days 30",
)
@app.command(
    "generate",
    help="Generate N users with playbacks, statistics and sessions; refuse if users or statistics exist already.\n\n"
    "Example: joytify data generate 5000 --days 90 --expired-share 0.5",
)
def generate_or_append(
    context: typer.Context,
    users: Users,
    *,
    playbacks_per_user: Playbacks = 500,
    days: Days = SPREAD_DAYS,
    expired_share: ExpiredShare = None,
    active_share: ActiveShare = 0.2,
    seed: Seed = None,
    shuffle: Shuffle = False,
    server: Server,
    production: Production = False,
    confirm: Confirm = "",
) -> None:
    """Write N users with their data; `generate` refuses if users or statistics exist already."""
    if expired_share and days <= RETENTION_DAYS:
        raise typer.BadParameter(
            f"nothing in the last {days} days is older than {RETENTION_DAYS} days: use a larger --days",
            param_hint="--expired-share",
        )
    with server.open() as target:
        names = chosen_collections(target, f"add {users:,} made-up users to", production=production, confirm=confirm)
        for name in (names.users, names.stats) if context.info_name == "generate" else ():
            if target[name].find_one({}, {"_id": 1}) is not None:
                raise UsageError(
                    f"{target.name}.{name} is not empty; with the options that select this database, `joytify data "
                    f"append {users}` adds users, and `joytify data clear` removes everything"
                )
        population = Population(
            now=datetime.now(UTC),
            users=users,
            playbacks_per_user=playbacks_per_user,
            days=days,
            expired_share=expired_share,
            active_share=active_share,
            # By default the seed is the number of existing users, which grows with each `append`, so that each call
            # generates different users.
            seed=min(target[names.users].estimated_document_count(), MAX_SEED) if seed is None else seed,
            shuffle=shuffle,
        )
        _write(target, names, population)


@app.command()
def stats(
    *,
    server: Server,
    where: Where,
) -> None:
    """Count the documents of the pipeline's collections, production and test.

    Example: joytify data stats --uri mongodb://localhost:27017 --database mern-joytify
    """
    with server.open(where) as target:
        console.print(_counts(target, collection_names(test_mode=False), collection_names(test_mode=True)))


@app.command()
def verify(
    *,
    server: Server,
    production: Production = False,
    where: Where,
) -> None:
    """Check the invariants of the data; print the violations and exit 1 if there are any.

    Example: joytify data verify --production
    """
    names = collection_names(test_mode=not production)
    hint = "" if production else "; --production checks the production collections"
    with server.open(where) as target:
        notifications = target[names.notifications].count_documents({"type": "monthlyStatistic"})
        found = list(faults(target, names))
        looked_at = f"{counted(notifications, 'monthly notification')} in {target.name}.{names.notifications}"
        for fault in found:
            say(f"broken: {fault}", "red")
        if found:
            raise typer.Exit(1)
        console.print(f"every rule holds for {looked_at}" if notifications else f"nothing to check: {looked_at}{hint}")


@app.command()
def clear(*, server: Server, production: Production = False, confirm: Confirm = "") -> None:
    """Drop the test collections with their indexes; with --production remove every document from production's.

    Example: joytify data clear --production --confirm mern-joytify
    """
    with server.open() as target:
        names = chosen_collections(target, "remove EVERYTHING from", production=production, confirm=confirm)
        # Remove notifications first, so that `verify` finds none to check in a half-cleared database, and users last,
        # so that `generate` refuses until everything is removed.
        others = {*astuple(names)} - {names.notifications, names.users}
        ordered = (names.notifications, *sorted(others), names.users)
        try:
            if production:
                with progress_bar() as progress:
                    for name in ordered:
                        _empty(target[name], progress)
            else:
                for name in ordered:
                    _drop(target[name])
        except KeyboardInterrupt:
            _say_what_is_left(target, names)
            fail("interrupted; the same command removes the rest", INTERRUPTED)


def _drop(collection: Collection[Document]) -> None:
    # Deleting the documents would not shrink the index files, which count against the storage limit.
    with deferred_interruption():
        documents = collection.estimated_document_count()
        collection.drop()
        say(f"{collection.name}: {counted(documents, 'document')} removed")


def _empty(collection: Collection[Document], progress: Progress) -> None:
    total = collection.estimated_document_count()
    task = progress.add_task(collection.name, total=total)
    least, stalled = total, 0
    while not _remove_some(collection, is_last_try=stalled >= MAX_STALLED):
        left = collection.estimated_document_count()
        least, stalled = min(least, left), 0 if left < least else stalled + 1
        progress.update(task, completed=max(0, total - left))
    progress.update(task, completed=total)


def _remove_some(collection: Collection[Document], *, is_last_try: bool) -> bool:
    """Delete documents for at most one second; Ctrl-C takes effect only after the server has ended the deletion.

    Return whether all documents are deleted.

    Raises:
        PyMongoError: the deletion failed, or it timed out and this is the last try.
    """
    with deferred_interruption():
        try:
            with timeout(REMOVE_SECONDS):
                collection.delete_many({})
        except PyMongoError as exc:
            if is_last_try or not exc.timeout:
                raise
            return False
        return True


def _write(target: Database[Document], names: CollectionNames, population: Population) -> None:
    """Write a population; on Ctrl-C, finish the batches in progress, print the counts and exit."""
    if target[names.users].find_one({"email": email(population.seed, 0)}, {"_id": 1}) is not None:
        raise UsageError(
            f"{target.name}.{names.users} already has users with seed {population.seed}: choose another --seed"
        )
    try:
        with progress_bar() as progress:
            fill(target, names, population, progress)
    except KeyboardInterrupt:
        _say_what_is_left(target, names)
        fail(
            "interrupted; what has been written remains. With the options that select this database, "
            f"`joytify data append N --seed {population.seed + 1}` adds other users, and `joytify data clear` removes "
            "everything",
            INTERRUPTED,
        )
    say(
        f"{population.playbacks:,} playbacks, {population.expired_playbacks():,} of them expired, "
        f"in {target.name}.{names.playbacks}"
    )


def _say_what_is_left(target: Database[Document], names: CollectionNames) -> None:
    try:
        with timeout(COUNT_SECONDS):
            console.print(_counts(target, names))
    except PyMongoError:
        say(f"the documents could not be counted within {COUNT_SECONDS:.0f} s", "yellow")


def _counts(target: Database[Document], *sets: CollectionNames) -> Table:
    table = Table("collection", Column("documents", justify="right"), title=target.name)
    for names in sets:
        for name in astuple(names):
            table.add_row(name, f"{target[name].count_documents({}):,}")
    return table
