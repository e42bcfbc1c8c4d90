"""`joytify demo`: run the month end on generated data, and check it against independent counts."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Annotated

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from rich.table import Table

from joytify_cli.data.generate import fill
from joytify_cli.data.population import Expected, Population
from joytify_cli.data.verify import faults
from joytify_cli.progress import progress_bar
from joytify_cli.terminal import confirm, console
from joytify_common.collections import PRODUCTION
from joytify_common.mongo import Document
from joytify_local.aws import FUNCTIONS
from joytify_local.mongodb import why_not_embedded
from joytify_local.processes import StartError
from joytify_local.stack import Stack, load_stack, start_embedded

DATABASE = "joytify-demo"
POSTS_SECONDS = 300
POLL_SECONDS = 0.1


class DemoError(Exception):
    """The demo could not run, or a result is wrong."""


@dataclass(frozen=True)
class Counts:
    """Counts in the database, the backend and Discord at one moment."""

    playbacks: int
    sessions: int
    notified: int
    pushed: int
    posts: int


def demo(
    *,
    containers: Annotated[bool, typer.Option("--containers", help="Use the stack that `make up` started")] = False,
    users: Annotated[int, typer.Option(min=20, help="Number of users")] = 1000,
    playbacks_per_user: Annotated[int, typer.Option(min=20, help="Playbacks of each user")] = 200,
    yes: Annotated[bool, typer.Option("--yes", help="Replace the data in the containers without asking")] = False,
) -> None:
    """Run the month end on made-up data and check the result; KEEP=1 leaves the stack running.

    Example: joytify demo --users 100
    """
    try:
        with _stack(containers=containers) as stack:
            if containers and not yes:
                _ask_to_replace(stack)
            outcome = month_end(stack, users, playbacks_per_user, lambda: _invoke_stats(stack))
    except (DemoError, StartError, PyMongoError, httpx.HTTPError, BotoCoreError, ClientError, OSError) as exc:
        why = str(exc) or type(exc).__name__
        console.print(f"demo: FAILED {why}", style="bold red", soft_wrap=True)
        raise typer.Exit(1) from None
    console.print(f"demo: ok {outcome}", style="bold green", soft_wrap=True)


def _ask_to_replace(stack: Stack) -> None:
    with MongoClient[Document](stack.mongodb) as client:
        users = client[stack.database][PRODUCTION.users].estimated_document_count()
    if users:
        confirm(
            f"replace the {users:,} users and all other data of the stack that `make up` started",
            otherwise="use `.venv/bin/joytify demo --containers --yes`",
        )


@contextmanager
def _stack(*, containers: bool) -> Iterator[Stack]:
    if containers:
        stack = load_stack()
        if stack is None or stack.way != "containers":
            raise DemoError("no container stack is recorded: run `make up` first")
        yield stack
        return
    if not os.environ.get("MONGODB_URI") and (reason := why_not_embedded()) is not None:
        raise DemoError(f"{reason}; with Docker: `make up`, then `make demo-containers`")
    keep = os.environ.get("KEEP", "0") not in {"", "0"}
    if keep and (earlier := load_stack()) is not None and earlier.way == "embedded":
        console.print("The embedded stack recorded earlier will be stopped, and its data deleted.")
    stack = start_embedded(DATABASE)
    try:
        yield stack
    finally:
        if keep:
            stack.save()
            console.print("Running until `make down`:")
            for what, address in {
                "Discord's page": stack.discord,
                "pushed users": stack.backend + "/pushed",
                "AWS": stack.aws,
                "MongoDB": _without_password(stack.mongodb),
            }.items():
                console.print(f"  {what:<16} {address}", soft_wrap=True)
        else:
            stack.stop()


def month_end(stack: Stack, users: int, playbacks_per_user: int, invoke: Callable[[], Document]) -> str:
    """Fill the database, run the month end, and compare the result with independent counts.

    Args:
        stack: where the pipeline runs.
        users: how many users to make.
        playbacks_per_user: how many playbacks each gets.
        invoke: calls stats and returns its answer.

    Returns:
        The result in figures, for people.

    Raises:
        DemoError: a result differs from the independent count.
    """
    now = datetime.now(UTC)
    population = Population(users=users, playbacks_per_user=playbacks_per_user, now=now)
    with MongoClient[Document](stack.mongodb, tz_aware=True) as client:
        database = client[stack.database]
        _clear(stack, database)
        with progress_bar() as progress:
            fill(database, PRODUCTION, population, progress)
        before = _count(stack, database)
        began = time.monotonic()
        answer = invoke()
        notified_at = time.monotonic()
        posts = _wait_for_posts(stack)
        ended = time.monotonic()
        after = _count(stack, database)
        _show(before, after, notified_at - began, ended - notified_at)
        expected = population.expected()
        _compare(expected, population, before, after)
        _check_users(expected, database, answer["usersUpdated"], httpx.get(stack.backend + "/pushed").json()["users"])
        _check_retention(expected, population, database)
        _check_posts(expected, posts)
    return (
        f"{after.notified:,} of {users:,} users notified once ({before.notified:,} of them before), "
        f"{after.pushed:,} pushed, "
        f"{expected.expired_playbacks:,} playbacks and {expected.expired_sessions:,} sessions deleted, "
        f"{after.posts} messages in Discord"
    )


def _clear(stack: Stack, database: Database[Document]) -> None:
    for name in astuple(PRODUCTION):
        database[name].drop()
    httpx.delete(stack.backend + "/pushed")
    httpx.delete(stack.discord + "/messages")


def _invoke_stats(stack: Stack) -> Document:
    answer = stack.client("lambda").invoke(FunctionName=FUNCTIONS["stats"], Payload=b'{"triggeredBy": "demo"}')
    payload = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DemoError(f"stats failed: {payload.get('errorMessage')}")
    return dict(payload)


def _wait_for_posts(stack: Stack) -> list[str]:
    """Return the titles of the two messages of a month end, stats' and cleanup's."""
    limit = time.monotonic() + POSTS_SECONDS
    while time.monotonic() < limit:
        messages = httpx.get(stack.discord + "/messages").json()
        titles = [embed["title"] for message in messages for embed in message["embeds"]]
        if len(titles) >= 2:  # noqa: PLR2004 - stats and cleanup
            return titles
        time.sleep(POLL_SECONDS)
    raise DemoError(f"Discord has {titles} after {POSTS_SECONDS} s; expected stats' and cleanup's messages")


def _count(stack: Stack, database: Database[Document]) -> Counts:
    return Counts(
        playbacks=database[PRODUCTION.playbacks].count_documents({}),
        sessions=database[PRODUCTION.sessions].count_documents({}),
        notified=database[PRODUCTION.users].count_documents({"notifications": {"$ne": []}}),
        pushed=len(httpx.get(stack.backend + "/pushed").json()["users"]),
        posts=len(httpx.get(stack.discord + "/messages").json()),
    )


def _show(before: Counts, after: Counts, stats_seconds: float, cleanup_seconds: float) -> None:
    table = Table("", "before", "after", title="The month end", title_justify="left")
    for name, was in vars(before).items():
        table.add_row(name, f"{was:,}", f"{getattr(after, name):,}")
    console.print(table)
    console.print(f"stats took {stats_seconds:.1f} s, cleanup and Discord {cleanup_seconds:.1f} s more")


def _compare(expected: Expected, population: Population, before: Counts, after: Counts) -> None:
    _expect("playbacks made", before.playbacks, population.playbacks + population.undated)
    _expect("playbacks left", after.playbacks, before.playbacks - expected.expired_playbacks)
    _expect("sessions left", after.sessions, before.sessions - expected.expired_sessions)
    _expect("users notified", after.notified, len(expected.entitled))
    _expect("users notified before", before.notified, len(expected.already_notified))
    _expect("users pushed", after.pushed, len(expected.entitled - expected.already_notified))
    _expect("messages in Discord", after.posts, 2)


def _check_users(expected: Expected, database: Database[Document], notified: int, pushed: dict[str, int]) -> None:
    notification = database[PRODUCTION.notifications].find_one({"type": "monthlyStatistic"}) or {}
    holders = database[PRODUCTION.users].find({"notifications.id": notification.get("_id")}, {"_id": 1})
    new = expected.entitled - expected.already_notified
    wrong = expected.entitled ^ {user["_id"] for user in holders}
    _expect("broken rules", list(faults(database, PRODUCTION)), [])
    _expect("users notified, by stats' own count", notified, len(new))
    _expect("users with an unexpected or a missing notification", len(wrong), 0)
    _expect("users with an unexpected or a missing push", len({str(user) for user in new} ^ set(pushed)), 0)
    _expect("users pushed twice", sum(times > 1 for times in pushed.values()), 0)


def _check_retention(expected: Expected, population: Population, database: Database[Document]) -> None:
    playbacks, cutoff = database[PRODUCTION.playbacks], population.cutoff
    retained = population.playbacks - expected.expired_playbacks
    _expect("playbacks in the retention period", playbacks.count_documents({"createdAt": {"$gte": cutoff}}), retained)
    _expect(
        "idle sessions left", database[PRODUCTION.sessions].count_documents({"status.lastActive": {"$lt": cutoff}}), 0
    )
    _expect("expired playbacks left", playbacks.count_documents({"createdAt": {"$lt": cutoff}}), 0)


def _check_posts(expected: Expected, posts: list[str]) -> None:
    deleted = expected.expired_playbacks + expected.expired_sessions
    for words in (f"{len(expected.entitled - expected.already_notified):,} users", f"{deleted:,} records deleted"):
        if not any(words in title for title in posts):
            raise DemoError(f"no message in Discord mentions {words}: {posts}")


def _without_password(uri: str) -> str:
    return re.sub(r"(//[^/@:]*):[^@]+@", r"\1:***@", uri)


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise DemoError(f"{what}: {found}, expected {expected}")
