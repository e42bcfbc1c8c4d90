"""Writes a generated population into a database."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, takewhile
from typing import TypeVar

from pymongo.collection import Collection
from pymongo.database import Database
from rich.progress import Progress

from joytify_cli.data.indexes import BACKEND, create
from joytify_cli.data.population import Population
from joytify_cli.interruption import deferred_interruption
from joytify_common.collections import CollectionNames
from joytify_common.mongo import Document

T = TypeVar("T")

BATCH = 5000
# A statistics document takes as much memory as a hundred other documents.
STATS_BATCH = 250
# Two writers, so that the next batch is prepared while the server writes; with one writer, this process and the server
# wait for each other.
WRITERS = 2


def fill(database: Database[Document], names: CollectionNames, population: Population, progress: Progress) -> None:
    """Write the population's documents and the backend's indexes.

    A user is written only after the user's statistics and the notification that the user has.

    Raises:
        KeyboardInterrupt: the command was interrupted; no further batch was started, and the batches in progress have
            ended.
    """
    sources: dict[str, tuple[Callable[[], Iterable[Document]], int]] = {
        "stats": (population.stats_documents, population.users),
        "users": (population.user_documents, population.users),
        "playbacks": (population.playback_documents, population.playbacks),
        "sessions": (population.session_documents, population.users),
    }
    for index in BACKEND:
        create(database, names, index)
    with deferred_interruption() as is_interrupted:
        for notification in population.notification_documents():
            # An existing notification is kept: a run may have changed it in the meantime.
            database[names.notifications].update_one(
                {"_id": notification.pop("_id")}, {"$setOnInsert": notification}, upsert=True
            )
        for kind, (documents, expected) in sources.items():
            collection = database[getattr(names, kind)]
            task = progress.add_task(collection.name, total=expected)
            written = 0
            size = STATS_BATCH if kind == "stats" else BATCH
            until_interrupted = takewhile(lambda _: not is_interrupted(), batched(documents(), size))
            for count in write(collection, until_interrupted):
                written += count
                # The total is an estimate: a few users have no document, or more than one.
                progress.update(task, completed=written, total=max(expected, written))
            if is_interrupted():
                break
            progress.update(task, total=written)


def write(collection: Collection[Document], batches: Iterable[list[Document]]) -> Iterator[int]:
    """Insert the batches; yield the number of documents of each.

    At most a few batches are in memory.

    Raises:
        PyMongoError: the server refused a batch; the batches in progress are completed.
    """
    pending: deque[Future[int]] = deque()
    with ThreadPoolExecutor(WRITERS) as pool:
        for batch in batches:
            pending.append(pool.submit(_insert, collection, batch))
            if len(pending) > WRITERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _insert(collection: Collection[Document], batch: list[Document]) -> int:
    return len(collection.insert_many(batch, ordered=False).inserted_ids)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`; the last list may be shorter."""
    iterator = iter(items)
    return iter(lambda: list(islice(iterator, size)), [])
