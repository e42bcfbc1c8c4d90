"""Writes a made-up Joytify into a database."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pymongo.database import Database
    from rich.progress import Progress

    from joytify_cli.data.population import Population
    from joytify_common.collections import CollectionNames

Document = dict[str, Any]

BATCH = 5000
# The indexes that the backend makes.
INDEXES = {"stats": ("user",), "playbacks": ("user", "song", "artist"), "sessions": ("user",)}


def fill(database: Database[Document], names: CollectionNames, population: Population, progress: Progress) -> None:
    """Write the population's documents and the backend's indexes, a batch at a time."""
    sources: dict[str, tuple[Callable[[], Iterable[Document]], int]] = {
        "users": (population.user_documents, population.users),
        "notifications": (population.notification_documents, 1),
        "stats": (population.stats_documents, population.users),
        "playbacks": (population.playback_documents, population.playbacks),
        "sessions": (population.session_documents, population.users),
    }
    for kind, (documents, expected) in sources.items():
        collection = database[getattr(names, kind)]
        for field in INDEXES.get(kind, ()):
            collection.create_index(field)
        task = progress.add_task(collection.name, total=expected)
        written = 0
        for batch in _batches(documents()):
            collection.insert_many(batch, ordered=False)
            written += len(batch)
            # A few documents more or less than one a user are known only when they are made.
            progress.update(task, completed=written, total=max(expected, written))
        progress.update(task, total=written)


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    iterator = iter(documents)
    return iter(lambda: list(islice(iterator, BATCH)), [])
