"""Checks of MongoDB: reachable, version, replica set, rights, indexes, storage."""

from __future__ import annotations

from collections.abc import Iterator

from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database

from joytify_cleanup.database_size import measure
from joytify_cleanup.settings import CleanupSettings
from joytify_cli.data.indexes import missing
from joytify_cli.operate.checks.check import Check
from joytify_cli.operate.checks.context import Context
from joytify_cli.operate.checks.shapes import SET_KEY
from joytify_cli.operate.findings import RESTART, Finding, UnavailableError
from joytify_common.collections import PRODUCTION, CollectionNames, collection_names
from joytify_common.errors import ConfigError
from joytify_common.mongo import Document, connect, database_in, mongo_client, mongo_errors, within
from joytify_common.mongo_errors import URI_KEY
from joytify_common.settings import load_settings
from joytify_stats.audience import MARK

# A validator is tried with this many of the newest users; older users may violate it, since MongoDB does not
# check existing documents against a new validator.
TRIED_USERS = 100
# The oldest version whose transactions can create a collection.
MIN_VERSION = (4, 4)
SECONDS = 15
MONGODB = "MongoDB does not answer"
RIGHTS = "give the user readWrite on the database (Atlas: Database Access)"


def _database(context: Context) -> Database[Document]:
    """Return the functions' database, once its server has answered."""
    name = context.settings("cleanup").get("DB_NAME") or str(CleanupSettings.model_fields["db_name"].default)
    uri = context.address("MONGODB_CONNECTION_STRING")
    context.at_the_end.callback(mongo_client.cache_clear)
    context.at_the_end.callback(mongo_client(uri.get_secret_value()).close)
    return connect(uri, name)


def _connected_database(context: Context) -> Database[Document]:
    """Return the database, or raise UnavailableError if `_server` could not connect to it."""
    return context.fetch_or_skip(MONGODB, lambda: _database(context))


def _server(context: Context) -> Iterator[Finding]:
    try:
        database = context.fetch_and_report(MONGODB, lambda: _database(context))
    except ConfigError as exc:
        yield Finding("wrong", str(exc), SET_KEY)
        return
    with mongo_errors(), within(SECONDS):
        version = database.client.server_info()["version"]
        hello = database.client.admin.command("hello")
    if (other := database_in(database.client)) not in {None, database.name}:
        says = f"{URI_KEY} names the database {other}, but the functions use {database.name} (DB_NAME)"
        yield Finding("wrong", says, "use one name in both, or remove the name from the connection string")
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_VERSION:
        oldest = ".".join(map(str, MIN_VERSION))
        yield Finding("wrong", f"MongoDB {version} is older than {oldest}", "upgrade the cluster")
    elif has_transactions(hello):
        kind = f"replica set {hello['setName']}" if "setName" in hello else "sharded cluster"
        yield Finding("ok", f"MongoDB {version}, {kind}, database {database.name}")
    else:
        yield Finding(
            "note",
            f"MongoDB {version} is a single server without a replica set: cleanup deletes without transactions",
            "make it a replica set (rs.initiate()), or use Atlas",
        )


def has_transactions(hello: Document) -> bool:
    """Return whether a server with this `hello` response is a replica set's member or a mongos."""
    return "setName" in hello or hello.get("msg") == "isdbgrid"


def _rights(context: Context) -> Iterator[Finding]:
    database = _connected_database(context)
    with mongo_errors(), within(SECONDS):
        if not has_transactions(database.client.admin.command("hello")):
            raise UnavailableError("the rights are tried in a transaction, which a single server does not support")
        for test_mode in (False, True):
            with database.client.start_session() as session:
                session.start_transaction()
                try:
                    _try_a_run(database, collection_names(test_mode=test_mode), session)
                finally:
                    session.abort_transaction()
        database.command("dbStats")
    yield Finding("ok", "every read, write and delete of a run is allowed (tried and rolled back)")


def _try_a_run(database: Database[Document], names: CollectionNames, session: ClientSession) -> None:
    """Perform the operations of stats and cleanup, on documents that do not exist."""
    nobody = {"_id": ObjectId()}
    database[names.stats].find_one(nobody, session=session)
    database[names.users].find_one(nobody, session=session)
    database[names.notifications].update_one(nobody, {"$setOnInsert": {"type": "doctor"}}, upsert=True, session=session)
    database[names.deliveries].update_one(nobody, {"$set": {"doctor": True}}, upsert=True, session=session)
    database[names.users].update_many(nobody, {"$push": {"notifications": {}}}, session=session)
    database[names.playbacks].delete_many(nobody, session=session)
    database[names.sessions].delete_many(nobody, session=session)


def _validator(context: Context) -> Iterator[Finding]:
    """Check whether the validator of the users collection would reject the documents that stats writes.

    Nothing is written.
    """
    database, users = _connected_database(context), PRODUCTION.users
    entry = {"id": ObjectId(), "viewed": False, "read": False}
    listed = {"$cond": [{"$isArray": "$notifications"}, "$notifications", []]}
    written = {
        "notifications": {"$concatArrays": [listed, [entry]]},
        MARK: {"notification": entry["id"], "run": ObjectId()},
    }
    with mongo_errors(), within(SECONDS):
        options: Document = next((each["options"] for each in database.list_collections(filter={"name": users})), {})
        validator = options.get("validator")
        if not validator or "warn" in options.values() or "off" in options.values():
            yield Finding("ok", f"{users} has no validator that refuses writes by stats")
            return
        pipeline: list[Document] = [
            {"$sort": {"_id": -1}},
            {"$limit": TRIED_USERS},
            # At level "moderate", a validator ignores documents that already violate it.
            *([{"$match": validator}] if options.get("validationLevel") == "moderate" else []),
            {"$set": written},
        ]
        count, refuses = {"$count": "n"}, {"$match": {"$nor": [validator]}}
        counts = [[*pipeline, count], [*pipeline, refuses, count]]
        tried, refused = (next(database[users].aggregate(each), {"n": 0})["n"] for each in counts)
    if not tried:
        says = f"{users} has a validator, but no user to try it with"
        yield Finding("note", says, "check again when there is such a user")
        return
    if not refused:
        yield Finding("ok", f"the validator of {users} accepts writes by stats ({tried} users tried)")
        return
    says = f"the validator of {users} refuses writes by stats for {refused} of the newest {tried} users"
    yield Finding("wrong", says, f"allow notifications and {MARK} in it (collMod)")


def _indexes(context: Context) -> Iterator[Finding]:
    database = _connected_database(context)
    with mongo_errors(), within(SECONDS):
        lacking = missing(database, PRODUCTION)
    if lacking:
        # Without a name, the command creates all missing indexes.
        name = f" {lacking[0]}" if len(lacking) == 1 else ""
        says = "; ".join(f"no index on {index}: {index.reason}" for index in lacking)
        yield Finding("note", says, f"joytify data indexes create{name} --production{context.target.flags}")
    else:
        yield Finding("ok", "every index that the backend declares is there")


def _storage(context: Context) -> Iterator[Finding]:
    given = context.settings("cleanup")
    settings = context.fetch_or_skip("cleanup's settings are wrong", lambda: load_settings(CleanupSettings, given))
    limit, alert = settings.storage_limit_mb, settings.storage_alert_percent
    if (storage := measure(_connected_database(context), limit, alert, SECONDS)) is None:
        yield Finding("wrong", "could not be measured", RIGHTS)
        return
    says = f"{storage.percent:g} % of {settings.storage_limit_mb:,} MB used"
    if storage.alert:
        run = f"joytify invoke cleanup --sweep --dry-run{context.target.flags}"
        action = f"{run}, then shorten CLEANUP_DAYS or move to a larger cluster"
        yield Finding("wrong", f"{says}, more than {settings.storage_alert_percent:g} %", action)
    else:
        yield Finding("ok", says)


ACCESS = (
    "Atlas pauses an unused free cluster after 30 days; its IP access list must include the addresses of this machine "
    f"and of the functions; if somebody changed MONGODB_CONNECTION_STRING: joytify secret undo; {RESTART}"
)
CHECKS = (
    Check("mongodb", _server, ACCESS),
    Check("rights", _rights, RIGHTS),
    Check("validator", _validator, RIGHTS),
    Check("indexes", _indexes, RIGHTS),
    Check("storage", _storage, RIGHTS),
)
