"""Makes docs/scale.md from `joytify scale`: `make docs`; a test fails if it is stale."""

# ruff: noqa: E501 - a line of the page is a sentence
from __future__ import annotations

from functools import cache
from pathlib import Path

from capacity_page import run

FILE = Path("docs/scale.md")
ONE, EIGHT = "joytify scale", "joytify scale --workers 8"

TEXT = """# Cleanup and reports at scale

`make docs` writes this page by the commands shown; a test fails if it is stale.

## When it pays to divide cleanup

A run deletes in the order of `_id` as fast as one primary takes it, and continues in another run when its time is out, at most 14 times: Lambda stops a longer chain.
A replica set has one primary, which takes all writes, so one worker is the default, and enough for most.
Step Functions divides the work (`enable_fan_out = true` in Terraform) where

- a week's work does not fit into such a chain: 14 minutes at 10,000 records a second, 15 times, are 126 million, or
- the cluster takes more than one writer: it is sharded, or its primary has processors and disks to spare.

`fan_out_workers` is the number of workers that clean at the same time: one for each shard, or as many as the primary is faster with.

| state | does |
|---|---|
| Plan | checks the deletion limit, then answers spans of `_id` of equal time, as many as there are workers |
| Spans | a distributed map: each span is a run of the cleanup function (`worker`, `todo`), tried again with growing waits; a span that fails in each attempt ends the execution |
| Plan again | divides what workers had no time for, until nothing is left: so uneven spans are evened out |
| Report | deletes what an index on the date still finds, if there is one, and publishes one summary of all. After a failure it publishes the error instead; the input is kept in the queue `cleanup-failed` |

All runs use the plan's clock. If `CLEANUP_DAYS` changes meanwhile, the workers refuse to continue, since the deletion limit was checked for another cutoff.
What a worker that was killed had deleted is in nobody's count: the summary may report less than was deleted, never more.
A worker that Lambda throttles is tried again until the execution's own timeout of a day, so two executions may run at the same time.
stats starts it with `{{"sweep": true}}` once a month; then the workers examine every document.
Start it by hand, or have it answer its first plan:

```bash
aws stepfunctions start-execution --state-machine-arn "$(terraform -chdir=terraform output -raw state_machine_arn)" --input '{{}}'
joytify invoke cleanup --payload '{{"plan": true, "workers": 8}}'
```

## A week's cleanup, simulated

60 days of playbacks are kept, so that seven sixtieths of them expire in a week; a worker deletes 10,000 records a second, a third of what two cores did here, in runs of 14 minutes with 1 GB of memory.
The records are spread evenly over the week.
Dollars are for Lambda, the transitions of Step Functions and the archive's PUTs, at AWS' list prices of us-east-1 without free tiers; the cluster is the smallest of Atlas whose default storage holds the data, which costs far more than all of this. GB are playbacks and their indexes just before a cleanup; a row of more than 24 hours is more than one execution may take.

One worker:

```console
$ {one}
{one_output}
```

A cluster that is faster with eight workers:

```console
$ {eight}
{eight_output}
```

Not simulated: spans in which more has expired than in others, a cluster that is busy with its listeners, network between regions, retries.

## Where it ends

- **One primary**: at 10,000 a second, seven billion playbacks fill the 24 hours that an execution may take. Before that the deletes themselves are the problem: each costs an entry in every index and in the oplog.
- **What comes then** is not to delete documents at all: a collection for each month that is dropped as a whole, or a [time series collection](https://www.mongodb.com/docs/manual/core/timeseries-collections/) with `expireAfterSeconds`, whose buckets go at once. Both change how the backend reads and writes playbacks, so neither is done here. Atlas' [Online Archive](https://www.mongodb.com/docs/atlas/online-archive/manage-online-archive/) moves old documents by itself and would take the archive's place.
- **Reports** (`joytify reports build`) read a user's plays by the index on `user`, so that their cost grows with the plays of the month and not with those of others; beyond some hundred million plays a month they are a job for hours, and one for a copy of the data that is made for analysis.

## Replica sets

Tested here on three nodes (tests/integration/test_replica_set.py): stats reads the audience where `READ_PREFERENCE` says, and everything that decides who gets a notification on the primary; a primary that steps down or is killed in the middle costs time, no notification twice, and no record too many.

## Shards

There is no `mongos` here to try it with. By MongoDB's documents this would differ:

- **Deletes by ranges of `_id` go to every shard** unless the shard key is `_id`: correct, and each shard works on its part at the same time.
- **`$merge` into `stats`** (reports) needs `_id`, or the shard key, to identify a document: with another shard key it has to be named in `on`.
- **Transactions**: cleanup deletes a batch in one, which then spans shards; that is allowed, and takes two phases to commit.
- **Shard key**: `user` for `playbacks` and `stats` keeps a listener's plays together, which reports want; hashed, so that no shard takes all new plays.
"""


@cache
def document() -> str:
    """Return the page."""
    return TEXT.format(one=ONE, one_output=run(ONE), eight=EIGHT, eight_output=run(EIGHT))


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
