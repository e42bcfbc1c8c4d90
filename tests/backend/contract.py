"""Checks what a user of the real backend sees before and after stats, cleanup and the rebuild.

See tests/backend/README.md.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from bson import ObjectId
from cleanup_run import clean_up, id_created_at
from month_end import FakeServices, month_end
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database
from rich.console import Console
from rich.table import Table

from joytify_cli.data.verify import month_before
from joytify_common.collections import PRODUCTION
from joytify_common.deadline import Deadline
from joytify_common.ids import BEGINNING
from joytify_local.mongodb import start_mongod
from joytify_local.processes import free_port, stop
from joytify_stats.audience import MARK
from joytify_stats.backend import Backend
from joytify_stats.period import resolve_period
from joytify_stats.rebuild import Rebuild

DATABASE, KEY, TOKENS = "mern-joytify", "internal-key-of-the-contract", "access-key-of-the-contract"
NOW = datetime.now(UTC)
START, END = month_before(NOW)
PLAYED = START + timedelta(days=3, hours=20)
START_SECONDS = 60

Document = dict[str, Any]


@contextmanager
def running(app: Path, uri: str, folder: Path) -> Iterator[str]:
    """Run the backend as in production; yield its address."""
    port = free_port("127.0.0.1")
    key = folder / "firebase.pem"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    settings = {
        "NODE_ENV": "production",
        "API_PORT": str(port),
        "ORIGIN_APP": "http://localhost:3000",
        "MONGODB_CONNECTION_STRING": uri.replace("/?", f"/{DATABASE}?"),
        "API_INTERNAL_SECRET_KEY": KEY,
        "JWT_ACCESS_SECRET_KEY": TOKENS,
        "FIREBASE_PRIVATE_KEY": key.read_text(encoding="utf-8"),
        **dict.fromkeys(("SEND_LIMIT_PER_PERIOD", "SESSION_OFFLINE_TIMEOUT", "PLAYBACK_MIN_DURATION_SECONDS"), "10"),
        **dict.fromkeys(("INITIAL_FETCH_LIMIT", "PAGINATION_FETCH_LIMIT", "RATING_MAX_PROMPT_THRESHOLD"), "10"),
        "RATING_MIN_PROMPT_THRESHOLD": "3",
        **dict.fromkeys(("RESEND_API_KEY", "IP2LOCATION_KEY", "AWS_REGION", "AWS_BUCKET_NAME"), "none"),
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "API_ADMIN_SECRET_KEY"), "none"),
        **dict.fromkeys(("JWT_REFRESH_SECRET_KEY", "JWT_VERIFICATION_SECRET_KEY"), "none"),
        **dict.fromkeys(("JWT_USER_PREFERENCE_SECRET_KEY", "FIREBASE_PROJECT_ID", "FIREBASE_PRIVATE_KEY_ID"), "none"),
        **dict.fromkeys(("TEST_EMAIL", "OFFICIAL_EMAIL", "FIREBASE_CLIENT_EMAIL"), "joytify@example.com"),
        "FIREBASE_CLIENT_ID": "1",
    }
    with (folder / "backend.log").open("wb") as log:
        process = subprocess.Popen(
            ["node", "dist/src/server.js"], cwd=app / "backend", env={**os.environ, **settings}, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _await(address, process, folder / "backend.log")
            yield address
        finally:
            process.terminate()
            process.wait()


def _await(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(address + "/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"the backend did not start:\n{log.read_text(errors='replace')[-3000:]}")


def token(user: ObjectId) -> str:
    """Return an access token of this user that the backend accepts (JWT, HS256)."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    now = int(time.time())
    claims = {"userId": str(user), "sessionId": str(ObjectId()), "aud": ["user"], "iat": now, "exp": now + 900}
    signed = part({"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.digest(TOKENS.encode(), signed, hashlib.sha256)
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


class User:
    """One user's view of the app, through the backend's API."""

    def __init__(self, address: str, user: ObjectId) -> None:
        self.id = user
        self._client = httpx.Client(base_url=address + "/api/v1", cookies={"accessToken": token(user)}, timeout=20)
        self._socket = httpx.Client(base_url=address, timeout=20)

    def get(self, path: str) -> Any:
        """Return what the backend answers, or its status if it refuses."""
        answer = self._client.get(path)
        return answer.json() if answer.is_success else answer.status_code

    def send(self, method: str, path: str, body: object = None) -> int:
        """Return the status of a request that changes something."""
        return self._client.request(method, path, json=body).status_code

    def months(self) -> list[tuple[int, int]]:
        """Return the months whose statistics the list of notifications shows."""
        docs = self.get("/notifications/monthlyStatistic?page=1")["docs"]
        return [(doc["monthlyStatistic"]["year"], doc["monthlyStatistic"]["month"]) for doc in docs]

    def unviewed(self) -> int:
        """Return the number of unviewed notifications, which the app shows at the bell icon."""
        return int(self.get("/notifications/unviewed")["unviewedCount"])

    def listen(self) -> None:
        """Connect to the backend's socket over Engine.IO 4 long polling, with which a socket.io client starts."""
        query = {"EIO": "4", "transport": "polling"}
        opened = self._socket.get("/socket.io/", params=query).text
        self._query = {**query, "sid": json.loads(opened[1:])["sid"]}
        self._socket.post("/socket.io/", params=self._query, content="40" + json.dumps({"token": token(self.id)}))
        assert self._socket.get("/socket.io/", params=self._query).text.startswith("40")

    def heard(self) -> bool:
        """Return whether the backend says that there is a notification."""
        return "notification:update" in self._socket.get("/socket.io/", params=self._query).text


class Seen:
    """A table of observed and expected values."""

    def __init__(self) -> None:
        self.table = Table("after", "what a user sees", "seen", "must be", title="The real backend")
        self.wrong = 0

    def note(self, after: str, what: str, seen: object, *, must: object) -> None:
        """Add a row."""
        self.wrong += seen != must
        self.table.add_row(after, what, str(seen), "the same" if seen == must else f"[bold red]{must}[/bold red]")


def play(user: ObjectId, at: datetime, song: ObjectId, artist: ObjectId, seconds: float) -> Document:
    return {
        "_id": id_created_at(at),
        "user": user,
        "song": song,
        "artist": artist,
        "state": "completed",
        "duration": seconds,
        "createdAt": at,
        "updatedAt": at,
    }


def fill(database: Database[Document]) -> tuple[ObjectId, ObjectId, ObjectId]:
    """Make three users: with statistics, with plays only, and one who has never set the preference."""
    artist, songs = ObjectId(), [ObjectId() for _ in range(3)]
    database.musicians.insert_one({"_id": artist, "name": "Nina"})
    database.songs.insert_many({"_id": song, "title": f"Song {n}", "artist": artist} for n, song in enumerate(songs))
    users = [ObjectId() for _ in range(3)]
    for number, user in enumerate(users):
        chosen = {} if number == 2 else {"monthlyStatistic": True}
        database.users.insert_one(
            {
                "_id": user,
                "email": f"listener{number}@example.com",
                "username": f"Listener {number}",
                "verified": True,
                "notifications": [],
                "playlists": [],
                "songs": [],
                "albums": [],
                "following": [],
                "userPreferences": {"notifications": chosen},
            }
        )
        plays = [play(user, PLAYED + timedelta(minutes=n), songs[n % 3], artist, 61.1 + n) for n in range(9)]
        old = [play(user, NOW - timedelta(days=90, minutes=n), songs[0], artist, 30.3) for n in range(4)]
        database.playbacks.insert_many(plays + old)
        if number != 1:
            summary: Document = {
                "month": START.month,
                "year": START.year,
                "totalDuration": 585.9,
                "growthPercentage": 0,
            }
            summary |= {"topArtist": "Nina", "topArtistTotalPlaybackTime": 585.9}
            element = {"songs": [], "artists": [], "peakHour": [], "summary": summary}
            dates = {"createdAt": PLAYED, "updatedAt": PLAYED}
            database.stats.insert_one({"user": user, "stats": [{**element, **dates}]})
    database.playbacks.create_index("user")
    return users[0], users[1], users[2]


def contract(address: str, database: Database[Document]) -> Seen:
    """Ask the backend before and after each of the pipeline's jobs."""
    seen, period = Seen(), resolve_period(None, NOW)
    month = (START.year, START.month)
    one, built, default = (User(address, user) for user in fill(database))
    backend = Backend(address + "/api/v1", SecretStr(KEY))
    for user in (one, built, default):
        seen.note("nothing", "months in the list, number at the bell", (user.months(), user.unviewed()), must=([], 0))

    rebuild = Rebuild(database, PRODUCTION, period, replace=False, deadline=Deadline(time.monotonic() + 60))
    list(rebuild.build(BEGINNING))
    shown = built.get(f"/stats/monthly/{built.id}/{START:%Y-%m}")
    seen.note(
        "rebuild", "listening time of the month, in seconds", round(shown["summary"]["totalDuration"], 3), must=585.9
    )
    seen.note("rebuild", "songs, top artist", (len(shown["songs"]), shown["summary"]["topArtist"]), must=(3, "Nina"))

    one.listen()
    progress = month_end(database, backend=backend, now=NOW)
    seen.note(
        "stats", "users notified, pushes that failed", (progress.users_updated, progress.socket_failures), must=(3, 0)
    )
    seen.note("stats", "the app is notified immediately", one.heard(), must=True)
    for user in (one, built, default):
        seen.note(
            "stats", "months in the list, number at the bell", (user.months(), user.unviewed()), must=([month], 1)
        )
    month_end(database, FakeServices(), backend=backend, now=NOW)
    seen.note(
        "stats, twice", "months in the list, number at the bell", (one.months(), one.unviewed()), must=([month], 1)
    )
    (identity,) = (doc["_id"] for doc in one.get("/notifications/all?page=1")["docs"])
    ids = {"notificationIds": [identity]}
    seen.note("stats", "viewed", (one.send("PATCH", "/notifications/mark-viewed", ids), one.unviewed()), must=(200, 0))
    seen.note("stats", "read", one.send("PATCH", "/notifications/mark-read", ids), must=200)
    removed = one.send("DELETE", f"/notifications/{identity}")
    month_end(database, FakeServices(), backend=backend, now=NOW)
    seen.note("stats, again", "a removed notification stays removed", (removed, one.months()), must=(200, []))
    seen.note("stats", "other fields in the list of notifications", _fields(built), must=set())
    profile = built.get("/users/profile")
    seen.note("stats", "the pipeline's fields in the profile", MARK in profile, must=True)
    seen.note("stats", "preference in the profile of the user who never set it", _preference(default), must=None)

    before = database.playbacks.count_documents({})
    clean_up(database, {"sweep": True}, now=NOW)
    seen.note("cleanup", "plays from 90 days ago deleted", before - database.playbacks.count_documents({}), must=12)
    seen.note("cleanup", "months in the list", built.months(), must=[month])
    after = built.get(f"/stats/monthly/{built.id}/{START:%Y-%m}")
    seen.note("cleanup", "statistics of the month are the same", after == shown, must=True)
    wrong = Backend(address, SecretStr(KEY))
    told = push_error(wrong)
    seen.note("a push without /api/v1", "the error names the cause", "/api/v1" in told, must=True)
    return seen


def _fields(user: User) -> set[str]:
    """Return the fields of the listed notification that are unknown to the backend's own model."""
    (doc,) = user.get("/notifications/all?page=1")["docs"]
    known = {"_id", "type", "createdAt", "updatedAt", "viewed", "read", "monthlyStatistic", "__v"}
    return set(doc) - known


def _preference(user: User) -> object:
    profile = user.get("/users/profile")
    return profile["userPreferences"].get("notifications", {}).get("monthlyStatistic")


def push_error(backend: Backend) -> str:
    """Return the error text of a failed push; empty if the push succeeds."""
    try:
        backend.push([ObjectId()], Deadline(time.monotonic() + 10))
    except Exception as exc:  # noqa: BLE001 - the caller checks the error text
        return str(exc)
    return ""


def main() -> None:
    """Start everything, ask, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", type=Path, help="checkout of joytify-app, its backend installed and built")
    app = parser.parse_args().app.resolve()
    if not (app / "backend" / "dist" / "src" / "server.js").is_file():
        sys.exit(f"{app}/backend is not built: see tests/backend/README.md")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "mongodb").mkdir()
        pid, uri = start_mongod(folder / "mongodb", "127.0.0.1", free_port("127.0.0.1"))
        try:
            with running(app, uri, folder) as address, MongoClient[Document](uri, tz_aware=True) as client:
                seen = contract(address, client[DATABASE])
        finally:
            stop([pid])
    Console(width=120).print(seen.table)
    sys.exit(1 if seen.wrong else 0)


if __name__ == "__main__":
    main()
