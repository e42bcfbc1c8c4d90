"""Makes docs/scale.md from `joytify scale`: `make docs`; a test fails if it is stale."""

# ruff: noqa: E501 - a line of the page is a sentence
from __future__ import annotations

from functools import cache
from pathlib import Path

from capacity_page import run

FILE = Path("docs/scale.md")
ONE, EIGHT = "joytify scale", "joytify scale --workers 8"

TEXT = """# Cleanup and statistics at scale

`make docs` writes this page with the commands shown; a test fails if it is stale.

## When it pays to divide cleanup

A run deletes in the order of `_id`, with a pause after each batch; the speed of one primary limits it.
When its time is up, it starts another run that continues its work. `cleanup_max_continuations` limits the number of these runs (8 by default, 14 at most), since Lambda stops a longer sequence.
A replica set has one primary, which takes all writes, so cleanup is not divided by default, and one worker is enough for most clusters.
Let Step Functions divide the work (`enable_fan_out = true` in Terraform) if

- a week's work does not fit into such a sequence: 15 runs of 14 minutes at 10,000 records a second delete 126 million records, or
- the cluster can serve more than one writer: it is sharded, or its primary has CPU and disk capacity to spare.

Set `fan_out_workers`, the number of concurrent workers, to the number of shards, or, for a single primary, to the highest number that still shortens the cleanup.

| state | does |
|---|---|
| Plan | checks the deletion limit, then returns spans of `_id` that cover equal periods of time: for each collection one span per worker |
| Spans | a distributed map: each span is a run of the cleanup function (`worker`, `todo`), retried with exponential backoff; if all attempts at a span fail, the execution fails |
| Plan (again, after Spans) | divides the remaining work among all workers until nothing is left, which evens out uneven spans |
| Report | uses an index on the date, if there is one, to find and delete expired documents outside the spans, such as imported ones; then publishes one summary for all workers. After a failure it publishes the error instead; the execution's input is kept in the queue `cleanup-failed` |

All runs of an execution use the start time and the cutoff of its first plan.
If `CLEANUP_DAYS` changes during an execution, the workers refuse to continue, since the plan checked the deletion limit for another cutoff.
Documents deleted by a worker that was killed are not counted: the summary may report fewer deletions than were made, but never more.
Two executions can run at the same time: if Lambda throttles a worker because the other execution uses the reserved concurrency, Step Functions retries the worker until its execution times out after one day.
Once a month stats starts the state machine with `{{"sweep": true}}`, so the workers examine every document.
To start it by hand, or to see its first plan:

```bash
aws stepfunctions start-execution --state-machine-arn "$(terraform -chdir=terraform output -raw state_machine_arn)" --input '{{}}'
joytify invoke cleanup --payload '{{"plan": true, "workers": 8}}'
```

## A week's cleanup, simulated

60 days of playbacks are kept, so seven sixtieths of them expire each week.
A worker deletes 10,000 records a second, a third of the rate measured for cleanup at its defaults on two cores (docs/benchmarks.md), in runs of 14 minutes with 1 GB of memory.
The records are spread evenly over the week. A round is one plan and the runs of its workers; `spans` is the number of
workers' runs in all rounds.
Dollars cover Lambda, Step Functions transitions and the archive's PUT requests, at AWS' list prices in us-east-1 without free tiers.
The Atlas column names the smallest cluster tier whose default storage holds the data; the cluster costs far more than the cleanup.
GB is the size of the playbacks and their indexes just before a cleanup.
A row with more than 24 hours does not fit into one execution.

One worker:

```console
$ {one}
{one_output}
```

Eight workers, on a cluster that deletes eight times as fast with eight workers:

```console
$ {eight}
{eight_output}
```

Not simulated: unevenly filled spans, load from the app on the cluster, network latency between regions, retries.

## Limits

- **One primary**: at 10,000 records a second, a week's cleanup of a collection of seven billion playbacks takes the 24 hours that an execution may run. The deletes themselves become a problem earlier: each one updates every index and takes up space in the oplog.
- **Beyond that**, do not delete single documents: use one collection per month and drop it as a whole, or a [time series collection](https://www.mongodb.com/docs/manual/core/timeseries-collections/) with `expireAfterSeconds`, which removes whole buckets. Both change how the backend reads and writes playbacks, so neither is done here. Atlas' [Online Archive](https://www.mongodb.com/docs/atlas/online-archive/manage-online-archive/) moves old documents automatically and would replace the archive.
- **Statistics from plays** (`joytify reports build`) read each user's plays through the index on `user`, so the cost grows with the number of plays. Beyond a few hundred million plays a month the build takes hours and should run on a copy of the data made for analysis.

## Replica sets

Tested here on three nodes (tests/integration/test_replica_set.py): stats reads the ids of the users with statistics from the members that `READ_PREFERENCE` selects, and reads everything else, such as who already has the notification, from the primary. If the primary steps down or is killed during a run, the run takes longer, but no user is notified twice and no unexpired record is deleted.

## Shards

Sharded clusters are not tested here, since the tests have no `mongos`. According to MongoDB's documentation, these points differ:

- **Deletes by ranges of `_id` go to every shard** unless the shard key is `_id`; the result is still correct, and all shards work in parallel.
- **Updates of `stats`** (statistics from plays) select an existing document by `_id` and `user`, and upsert a missing document with a filter on `user`: if the collection has a shard key other than `user`, check that your MongoDB version accepts this upsert.
- **Transactions**: cleanup deletes each batch in a transaction, which then spans shards; this is allowed, and uses a two-phase commit.
- **Shard key**: hashed `user` for `playbacks` and `stats` keeps a user's plays together, which helps to build statistics, and prevents one shard from taking all new plays.
"""


@cache
def document() -> str:
    """Return the page."""
    return TEXT.format(one=ONE, one_output=run(ONE), eight=EIGHT, eight_output=run(EIGHT))


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
