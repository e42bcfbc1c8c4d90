"""`joytify archive`: list and restore the documents that cleanup archived."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError
from rich.table import Table

from joytify_cli.database import Server
from joytify_cli.interruption import deferred_interruption
from joytify_cli.operate.archive_reader import COLLECTIONS, RAW, ArchiveObject, documents_in, list_archive, read_archive
from joytify_cli.option_groups import App
from joytify_cli.progress import progress_bar
from joytify_cli.target import Target, Where
from joytify_cli.terminal import UsageError, confirm, console, counted, say
from joytify_common.collections import PRODUCTION, TEST
from joytify_common.errors import ConfigError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

app = App(help="List and restore archived documents.", no_args_is_help=True)
BATCH, BATCH_BYTES = 1000, 16 * 1024 * 1024
NOTHING_ARCHIVED = "{bucket} has no archived {what} for the selected days"
SHOWN_REFUSALS, REASON_CHARACTERS = 20, 200

Bucket = Annotated[
    str, typer.Option(envvar="CLEANUP_ARCHIVE_BUCKET", help="Archive bucket; default: the one in cleanup's settings")
]


def _check_collection(name: str | None) -> str | None:
    if name is not None and name not in COLLECTIONS:
        raise typer.BadParameter(f"{name} is not one of {', '.join(COLLECTIONS)}")
    return name


Only = Annotated[
    str | None,
    typer.Option("--collection", callback=_check_collection, help=f"Only documents of one of {', '.join(COLLECTIONS)}"),
]
DAYS: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "YYYY-MM-DD", "show_default": False}
From = Annotated[datetime, typer.Option("--from", **DAYS, help="Ignore documents that were archived before this day")]
To = Annotated[datetime, typer.Option("--to", **DAYS, help="Ignore documents that were archived after this day")]
EARLIEST, LATEST = datetime.min, datetime.max  # noqa: DTZ901 - days, which have no time zone


@dataclass
class Restored:
    """The result of a restore.

    Attributes:
        inserted: number of missing documents that were inserted, or, in a dry run, would be inserted.
        present: number of documents that exist as they were archived.
        differing: number of documents that exist with other content.
        refusals: number of documents that the database refused.
        refused: `_id` and reason of the first refused documents.
    """

    inserted: int = 0
    present: int = 0
    differing: int = 0
    refusals: int = 0
    refused: list[str] = field(default_factory=list)

    def refuse(self, identity: object, reason: str) -> None:
        """Count a document that the database refused."""
        self.refusals += 1
        if self.refusals <= SHOWN_REFUSALS:
            self.refused.append(f"_id {identity!r}: {reason}")


@app.command("list")
def list_(
    *,
    bucket: Bucket = "",
    start: From = EARLIEST,
    end: To = LATEST,
    collection: Only = None,
    where: Where,
) -> None:
    """Show how much was archived, by collection and day; this sends a request to S3 per object.

    Example: joytify archive list --from 2026-11-01 --aws
    """
    target = where.target()
    bucket, client = bucket or _own_bucket(target), target.client("s3")
    totals: dict[tuple[str, date], tuple[int, int, int]] = {}
    for found in _objects(client, bucket, start, end, collection):
        documents, objects, size = totals.get((found.collection, found.day), (0, 0, 0))
        held = documents_in(client, bucket, found.key)
        totals[found.collection, found.day] = (documents + held, objects + 1, size + found.bytes)
    if not totals:
        say(NOTHING_ARCHIVED.format(bucket=bucket, what=collection or "documents"))
        return
    table = Table("collection", "day", "documents", "objects", "bytes", title=bucket)
    for (name, day), figures in sorted(totals.items()):
        table.add_row(name, day.isoformat(), *(f"{figure:,}" for figure in figures))
    console.print(table)


@app.command()
def restore(
    *,
    bucket: Bucket = "",
    start: From,
    end: To,
    collection: Only = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is written")] = False,
    into: Annotated[str | None, typer.Option(help="Collection to restore into; default: the original one")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, write nothing")] = False,
    server: Server,
    where: Where,
) -> None:
    """Restore archived documents whose _id is missing; existing documents are never changed.

    The archive may be in AWS (--aws) and the database elsewhere (--uri).
    The next cleanup deletes restored documents again if they have expired, unless --into names
    another collection or CLEANUP_DAYS is raised.

    Example: joytify archive restore --from 2026-11-01 --to 2026-11-30 --aws --dry-run
    """
    source = where.target()
    bucket, client = bucket or _own_bucket(source), source.client("s3")
    objects = list(_objects(client, bucket, start, end, collection))
    if not objects:
        say(NOTHING_ARCHIVED.format(bucket=bucket, what=collection or "documents"))
        return
    place = _place(objects, into)
    # If a failed and a repeated attempt archived a document twice, the later copy is restored.
    objects.sort(key=lambda found: (found.day, found.key), reverse=True)
    restored = Restored()
    with server.open(replace(where, aws=where.aws and server.uri is None)) as target:
        if not dry_run:
            does = f"restore {counted(len(objects), 'object')} into {place} of database {target.name}"
            confirm(does, yes=yes, otherwise="use --yes, or try --dry-run first")
        raw = target.with_options(codec_options=RAW)
        try:
            with progress_bar() as bar:
                for found in bar.track(objects, description="objects"):
                    for batch in _batches(read_archive(client, bucket, found.key)):
                        with deferred_interruption():
                            _restore(batch, raw[into or found.collection], restored, dry_run=dry_run)
        finally:
            _show(restored, dry_run=dry_run)
    if restored.refusals:
        raise typer.Exit(1)


def _place(objects: Sequence[ArchiveObject], into: str | None) -> str:
    """Return the names of the collections to restore into.

    Raises:
        typer.BadParameter: `into` is empty or a collection for another kind of documents, or documents of several
            collections would be mixed.
    """
    kinds = sorted({found.collection for found in objects})
    if into is None:
        return ", ".join(kinds)
    if not into:
        raise typer.BadParameter("it must name a collection", param_hint="--into")
    if len(kinds) > 1:
        only = f"use --collection {' or '.join(kinds)}"
        raise typer.BadParameter(f"it needs a single source collection: {only}", param_hint="--into")
    others = {each for names in (PRODUCTION, TEST) for each in (*astuple(names), names.musicians)}
    if into in others - {kinds[0], f"test-{kinds[0]}"}:
        raise typer.BadParameter(f"{into} is not for documents of {kinds[0]}", param_hint="--into")
    return into


def _show(restored: Restored, *, dry_run: bool) -> None:
    # A dry run counts a document twice if two attempts archived it.
    inserted = f"up to {restored.inserted:,} would be inserted" if dry_run else f"{restored.inserted:,} inserted"
    counts = f"{inserted}, {restored.present:,} already present, {restored.differing:,} differing"
    console.print(f"{counts}, {restored.refusals:,} refused", soft_wrap=True)
    for refusal in restored.refused:
        console.print(refusal, soft_wrap=True)


def _batches(documents: Iterable[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    """Yield the documents in batches that fit into one command."""
    batch: list[RawBSONDocument] = []
    size = 0
    for document in documents:
        if batch and (len(batch) == BATCH or size + len(document.raw) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += len(document.raw)
    if batch:
        yield batch


def _restore(
    batch: Sequence[RawBSONDocument], collection: Collection[RawBSONDocument], restored: Restored, *, dry_run: bool
) -> None:
    ids = [document["_id"] for document in batch]
    # An _id may be an embedded document, which is not hashable in Python.
    held = {encode({"": found["_id"]}): found.raw for found in collection.find({"_id": {"$in": ids}})}
    missing = []
    for identity, document in zip(ids, batch, strict=True):
        stored = held.get(encode({"": identity}))
        restored.present += stored == document.raw
        restored.differing += stored is not None and stored != document.raw
        if stored is None:
            missing.append(document)
    refused = []
    if missing and not dry_run:
        try:
            collection.insert_many(missing, ordered=False)
        except BulkWriteError as exc:
            refused = exc.details["writeErrors"]
    restored.inserted += len(missing) - len(refused)
    for error in refused:
        restored.refuse(missing[error["index"]]["_id"], str(error["errmsg"])[:REASON_CHARACTERS])


def _own_bucket(target: Target) -> str:
    """Return the bucket that cleanup archives into."""
    if not (bucket := target.function_settings("cleanup").get("CLEANUP_ARCHIVE_BUCKET", "")):
        raise UsageError(f"cleanup in {target.place} archives nothing: name the bucket with --bucket")
    return bucket


def _objects(
    client: S3Client, bucket: str, start: datetime, end: datetime, collection: str | None
) -> Iterator[ArchiveObject]:
    """Yield the objects of the selected days.

    Raises:
        typer.BadParameter: the last day is before the first, or the bucket cannot be read.
    """
    if start > end:
        raise typer.BadParameter("it must not be after --to", param_hint="--from")
    try:
        for found in list_archive(client, bucket, start.date(), end.date()):
            if collection in {None, found.collection}:
                yield found
    except ConfigError as exc:
        raise typer.BadParameter(str(exc).removeprefix("CLEANUP_ARCHIVE_BUCKET: "), param_hint="--bucket") from None
