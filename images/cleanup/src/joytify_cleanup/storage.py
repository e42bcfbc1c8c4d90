"""Gateway: how full the database is (MongoDB)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joytify_common.messages import Storage
from joytify_common.mongo import Document, mongo_errors

if TYPE_CHECKING:
    from pymongo.database import Database

# Atlas counts data and indexes, uncompressed, against the free tier's quota.
BYTES_PER_MB = 1024 * 1024


def measure_storage(database: Database[Document], limit_mb: int) -> Storage:
    """Return the bytes used by data and indexes, and their share of the limit."""
    with mongo_errors():
        stats = database.command("dbStats")
    used = int(stats["dataSize"] + stats["indexSize"])
    limit = limit_mb * BYTES_PER_MB
    return Storage(used_bytes=used, limit_bytes=limit, percent=round(100 * used / limit, 2))
