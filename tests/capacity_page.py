"""Makes docs/capacity.md and its picture from `joytify capacity`: `make docs`; a test fails if they are stale."""

# ruff: noqa: E501 - a line of the page is a sentence
from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

FILE, PICTURE = Path("docs/capacity.md"), Path("docs/capacity.png")
COMMAND = "joytify capacity --users 3500 --active-share 0.2 --retention-days 60 --limit-mb 512"
FITS = "joytify capacity --users 2000 --active-share 0.2 --retention-days 60 --limit-mb 512"

TEXT = """# When is the database full?

`make docs` writes this page and its picture with the commands shown; a test fails if they are stale.

The model is simple: every user has a record and a statistics document from the first day; playbacks are kept for the retention period, and sessions for 30 days after the last refresh, when the backend's TTL index removes them; notifications, playlists, songs and albums are kept for good; indexes are 22.5 % of all that is stored.
An active user plays 210 songs a week, a regular user 70.
Sizes and rates were measured on Joytify's database (README of JIAN11442/joytify-app, `scheduler/`); the model assumes the same figures for a thousand users as for a million.
1 kB is 1,000 bytes; 1 MB is 1,048,576 bytes, as Atlas counts the 512 MB of its free tier.

Cleanup runs weekly, so just before a run the database holds one week more than the retention period.
A full database rejects writes, so the data must fit at that moment.
In the first table, the users are old enough (9 weeks) that as many of their playbacks expire each week as are added.

```console
$ {command}
{output}
```

![MB by week for 3,500 users, by collection](capacity.png)

3,500 users do not fit, as the picture shows.
2,000 users of the same mix fit at first, but data that is kept permanently fills the database in time:

```console
$ {fits}
{fits_output}
```

`--measure` takes sizes, rates and the number of users from the real database (`--uri`, `--aws`), by reading `collStats` and by counting, in the index on `_id`, the documents that were created in the last week and the documents that expire in the next week.
`--png FILE` writes the picture, `--json` the figures.

The README of joytify-app summarizes: "about 365 kB an active user, 114 kB a regular one; in 512 MB 3,500 users with a fifth active". These figures differ from the figures on this page for three reasons: the README leaves out the indexes, rounds 60 days to eight weeks, and uses 147 kB as the average per user, although its own figures give 164 kB (a fifth of 365 plus four fifths of 114).
"""


def document() -> str:
    """Return the page."""
    return TEXT.format(
        command=COMMAND,
        output=run(COMMAND),
        fits=FITS,
        fits_output=run(FITS),
    )


def save_picture(file: Path) -> None:
    """Write the picture."""
    run(f"{COMMAND} --png {file}")


def run(command: str) -> str:
    program, *words = shlex.split(command)
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip(" ⠀") for line in done.stdout.splitlines())


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    save_picture(PICTURE)
