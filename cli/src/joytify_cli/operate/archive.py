"""`joytify archive`: look at what cleanup archived, and put it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from joytify_cleanup.archive import ArchiveObject, list_archive, read_archive
from joytify_cli.database import Name, Uri, open_database
from joytify_cli.progress import progress_bar
from joytify_cli.target import Aws, Environment, Project, find_target
from joytify_cli.terminal import confirm, console, fail
from joytify_common.errors import ConfigError, JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_boto3_s3 import S3Client
    from pymongo.collection import Collection

app = typer.Typer(help="List and restore what cleanup archived.", no_args_is_help=True, add_completion=False)
Document = dict[str, Any]
BATCH = 1000

Bucket = Annotated[str, typer.Option(envvar="CLEANUP_ARCHIVE_BUCKET", help="The archive bucket")]
From = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day on which it was archived")]
To = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day on which it was archived")]
EARLIEST, LATEST = datetime.min, datetime.max  # noqa: DTZ901 - days, which have no time zone


@dataclass
class Restored:
    """What became of archived documents."""

    inserted: int = 0
    present: int = 0
    differing: int = 0


@app.command("list")
def list_(
    *,
    bucket: Bucket,
    start: From = EARLIEST,
    end: To = LATEST,
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Show how much was archived, by collection and day.

    Example: joytify archive list --bucket joytify-archive-123456789012 --aws
    """
    totals: dict[tuple[str, date], tuple[int, int]] = {}
    for found in _objects(
        find_target(aws=aws, project=project, environment=environment).client("s3"), bucket, start, end
    ):
        objects, size = totals.get((found.collection, found.day), (0, 0))
        totals[found.collection, found.day] = (objects + 1, size + found.bytes)
    table = Table("collection", "day", "objects", "bytes", title=bucket)
    for (collection, day), (objects, size) in sorted(totals.items()):
        table.add_row(collection, day.isoformat(), f"{objects:,}", f"{size:,}")
    console.print(table)


@app.command()
def restore(
    *,
    bucket: Bucket,
    start: From,
    end: To,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is written")] = False,
    into: Annotated[str | None, typer.Option(help="Collection to restore into; default: where it came from")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, write nothing")] = False,
    uri: Uri = None,
    database: Name = None,
    aws: Aws = False,
    project: Project = "joytify",
    environment: Environment = "prod",
) -> None:
    """Put archived documents back by their _id; any number of times, what is there is left as it is.

    The archive may be in AWS (--aws) and the database elsewhere (--uri).
    The next cleanup deletes again what has expired, unless it is another collection or CLEANUP_DAYS is longer.

    Example: joytify archive restore --bucket B --from 2026-11-01 --to 2026-11-30 --into restored --dry-run
    """
    if start > end:
        raise typer.BadParameter("it must not be after --to", param_hint="--from")
    client, restored = find_target(aws=aws, project=project, environment=environment).client("s3"), Restored()
    objects = list(_objects(client, bucket, start, end))
    if not dry_run and not yes:
        place = into or "the collections that they came from"
        confirm(f"restore {len(objects):,} objects into {place}", otherwise="say --yes, or look first with --dry-run")
    with (
        open_database(uri, database, aws=aws and uri is None, project=project, environment=environment) as target,
        progress_bar() as bar,
    ):
        task = bar.add_task("objects", total=len(objects))
        for found in objects:
            _restore(_documents(client, bucket, found), target[into or found.collection], restored, dry_run=dry_run)
            bar.advance(task)
    verb = "would be inserted" if dry_run else "inserted"
    console.print(
        f"{restored.inserted:,} {verb}, {restored.present:,} already present, {restored.differing:,} differing"
    )


def _restore(
    documents: Iterable[Document], collection: Collection[Document], restored: Restored, *, dry_run: bool
) -> None:
    iterator = iter(documents)
    while batch := list(islice(iterator, BATCH)):
        held = {d["_id"]: d for d in collection.find({"_id": {"$in": [document["_id"] for document in batch]}})}
        missing = [document for document in batch if document["_id"] not in held]
        restored.differing += sum(held[d["_id"]] != d for d in batch if d["_id"] in held)
        restored.present += sum(held[d["_id"]] == d for d in batch if d["_id"] in held)
        restored.inserted += len(missing)
        if missing and not dry_run:
            collection.insert_many(missing, ordered=False)


def _objects(client: S3Client, bucket: str, start: datetime, end: datetime) -> Iterator[ArchiveObject]:
    try:
        yield from list_archive(client, bucket, start.date(), end.date())
    except ConfigError as exc:
        raise typer.BadParameter(str(exc), param_hint="--bucket") from None


def _documents(client: S3Client, bucket: str, found: ArchiveObject) -> Iterator[Document]:
    try:
        yield from read_archive(client, bucket, found.key)
    except JobError as exc:
        fail(str(exc))
