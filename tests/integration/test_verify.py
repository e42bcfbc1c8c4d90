"""`joytify data verify` finds each rule that is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from joytify_cli.data.verify import faults
from joytify_common.collections import PRODUCTION

Document = dict[str, Any]

ID = ObjectId()
NOVEMBER = datetime(2026, 11, 1, 2, tzinfo=UTC)
ENTRY = {"id": ID, "viewed": False, "read": False}


def insert_valid_data(database: Database[Document]) -> ObjectId:
    """Insert one user with statistics and the notification, so that every rule holds."""
    user = ObjectId()
    database.notifications.insert_one({"_id": ID, "type": "monthlyStatistic", "createdAt": NOVEMBER})
    database.users.insert_one({"_id": user, "notifications": [ENTRY]})
    database.stats.insert_one({"user": user, "stats": [{"createdAt": NOVEMBER - timedelta(days=5)}]})
    return user


def test_a_sound_database_has_no_fault(database: Database[Document]) -> None:
    insert_valid_data(database)

    assert list(faults(database, PRODUCTION)) == []


@pytest.mark.parametrize("broken", ["twice", "no statistics", "second notification"])
def test_each_broken_rule_is_found(database: Database[Document], broken: str) -> None:
    user = insert_valid_data(database)
    if broken == "twice":
        database.users.update_one({"_id": user}, {"$push": {"notifications": ENTRY}})
    elif broken == "no statistics":
        database.stats.update_one({"user": user}, {"$set": {"stats.0.createdAt": NOVEMBER}})
    else:
        database.notifications.insert_one({"type": "monthlyStatistic", "createdAt": NOVEMBER + timedelta(days=9)})

    (fault,) = faults(database, PRODUCTION)

    expected = {
        "twice": "more than once",
        "no statistics": "no statistics",
        "second notification": "more than one monthly notification was created in 2026-11",
    }
    assert expected[broken] in fault
