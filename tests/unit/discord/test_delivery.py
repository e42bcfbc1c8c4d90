from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from factories import NOW, alarm_text, sns_event
from own_messages import cleanup_error, cleanup_summary, stats_error, stats_summary

from joytify_common.deadline import Deadline
from joytify_common.errors import TransientError
from joytify_common.messages import Chain
from joytify_discord.delivery import Delivery
from joytify_discord.envelopes import parse_event
from joytify_discord.limits import Payload
from joytify_discord.post_store import MAX_ENTRIES, ContainerStore, PostStore, TableStore, open_store
from joytify_discord.webhook import NotEditableError, Webhook

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass
class FakeWebhook:
    """Stores the posts, as Discord does; fails after `fails_after` posts."""

    posts: dict[str, Payload] = field(default_factory=dict)
    edits: list[str] = field(default_factory=list)
    fails_after: int = 1_000_000
    # First message id; a second fake webhook starts at another number, so that ids do not collide.
    first: int = 1

    def post(self, payload: Payload, _: Deadline) -> str:
        if len(self.posts) >= self.fails_after:
            raise TransientError("Discord answered 503")
        identity = str(len(self.posts) + self.first)
        self.posts[identity] = payload
        return identity

    def edit(self, message: str, payload: Payload, _: Deadline) -> None:
        if message not in self.posts:
            raise NotEditableError("gone")
        self.posts[message] = payload
        self.edits.append(message)

    def titles(self) -> list[str]:
        return [embed["title"] for payload in self.posts.values() for embed in payload.body["embeds"]]


def deliver(event: dict[str, Any], webhook: FakeWebhook, memory: PostStore, alerts: FakeWebhook | None = None) -> int:
    return Delivery(
        webhook=cast("Webhook", webhook),
        alerts=cast("Webhook", alerts or webhook),
        store=memory,
        zone=ZoneInfo("UTC"),
        deadline=Deadline(time.monotonic() + 60),
    ).deliver(parse_event(event))


def event(*messages: str, first: int = 0) -> dict[str, Any]:
    """Return an SNS event whose messages are numbered from `first` on."""
    made = sns_event(*messages)
    for number, record in enumerate(made["Records"], start=first):
        record["Sns"]["MessageId"] = f"id-{number}"
    return made


def test_several_records_share_a_message_in_order() -> None:
    webhook = FakeWebhook()

    messages = deliver(event("one", "two", "three"), webhook, ContainerStore())

    assert messages == 1
    assert webhook.titles() == ["🔹 one", "🔹 two", "🔹 three"]


def test_a_redelivered_message_is_posted_once() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()

    deliver(event("one", "two"), webhook, memory)
    deliver(event("one", "two", "three"), webhook, memory)

    assert webhook.titles() == ["🔹 one", "🔹 two", "🔹 three"]


def test_a_retry_posts_only_what_was_not_posted_before_the_failure() -> None:
    webhook, memory = FakeWebhook(fails_after=1), ContainerStore()
    texts = [f"message {number}" for number in range(25)]

    with pytest.raises(TransientError):
        deliver(event(*texts), webhook, memory)
    webhook.fails_after = 100
    deliver(event(*texts), webhook, memory)

    assert webhook.titles() == [f"🔹 {text}" for text in texts]


def test_an_alarm_that_is_resolved_edits_its_post_and_says_how_long_it_lasted() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()

    deliver(event(alarm_text()), webhook, memory)
    deliver(event("between", first=1), webhook, memory)
    resolved = alarm_text(NewStateValue="OK", OldStateValue="ALARM", StateChangeTime="2026-11-01T05:17:30.000+0000")
    deliver(event(resolved, first=2), webhook, memory)
    deliver(event(alarm_text(StateChangeTime="2026-11-02T04:05:00.000+0000"), first=3), webhook, memory)

    assert len(webhook.posts) == 3
    assert webhook.edits == ["1"]
    (embed,) = webhook.posts["1"].body["embeds"]
    assert embed["title"].startswith("✅ Resolved")
    assert {"name": "Lasted", "value": "1 h 12 min", "inline": True} in embed["fields"]


@pytest.mark.parametrize("first", ["error", "summary"])
def test_an_error_of_starting_cleanup_is_a_post_of_its_own(first: str) -> None:
    """The error and the summary come from one run, in any order."""
    webhook, memory = FakeWebhook(), ContainerStore()
    both = [
        stats_error(request_id="r", stage="cleanup start").model_dump_json(),
        stats_summary(request_id="r").model_dump_json(),
    ]
    for number, text in enumerate(both if first == "error" else both[::-1]):
        deliver(event(text, first=number), webhook, memory)

    assert webhook.edits == []
    assert [title for title in webhook.titles() if "cleanup start" in title]


def test_a_run_and_its_continuations_edit_one_post() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    for number in range(5):
        summary = cleanup_summary(
            stop_reason="deadline" if number < 4 else "completed",
            continued=number < 4,
            continuation=number,
            chain=Chain(started_at=NOW, records_deleted=number * 1000, execution_time_ms=number * 800_000),
        )
        deliver(event(summary.model_dump_json(), first=number), webhook, memory)

    assert (len(webhook.posts), len(webhook.edits)) == (1, 4)
    assert webhook.titles() == ["✅ Cleanup: 4,000 records deleted"]


@pytest.mark.parametrize("shared", [True, False], ids=["one webhook", "alerts elsewhere"])
@pytest.mark.parametrize("last", ["error", "warning"])
def test_a_sequence_that_ends_badly_closes_its_post_and_is_announced(last: str, *, shared: bool) -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    alerts = webhook if shared else FakeWebhook()
    chain = Chain(started_at=NOW, records_deleted=1000, execution_time_ms=1)
    going_on = cleanup_summary(stop_reason="deadline", continued=True, chain=chain)
    exhausted = cleanup_summary(stop_reason="continuations_exhausted", continuation=1, chain=chain)
    bad = cleanup_error(chain=chain, continuation=1) if last == "error" else exhausted

    deliver(event(going_on.model_dump_json()), webhook, memory, alerts)
    deliver(event(bad.model_dump_json(), first=1), webhook, memory, alerts)

    assert webhook.edits == ["1"]
    assert not any("continues" in title for title in webhook.titles())
    assert len(alerts.titles()) == (2 if shared else 1)


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_failed_run_of_a_sequence_has_one_post_which_shows_the_result_of_its_last_retry(*, ends_well: bool) -> None:
    webhook, alerts, memory = FakeWebhook(), FakeWebhook(first=1001), ContainerStore()
    chain = Chain(started_at=NOW, records_deleted=5, execution_time_ms=1000)
    going_on = cleanup_summary(request_id="r0", continued=True, stop_reason="deadline", chain=chain)
    failed = [cleanup_error(request_id="r1", timestamp=NOW + timedelta(minutes=n), chain=chain) for n in (1, 2, 4)]
    done = cleanup_summary(request_id="r1", timestamp=NOW + timedelta(minutes=5), chain=chain)
    for number, message in enumerate([going_on, *failed[:2], done if ends_well else failed[2]]):
        deliver(event(message.model_dump_json(), first=number), webhook, memory, alerts)

    symbol = "✅ " if ends_well else "❌ "
    assert [title[:2] for title in webhook.titles()] == [symbol]
    assert [title[:2] for title in alerts.titles()] == [symbol]


def test_a_sequence_whose_first_run_failed_once_stays_one_post() -> None:
    webhook, alerts, memory = FakeWebhook(), FakeWebhook(first=1001), ContainerStore()
    chain = Chain(started_at=NOW, records_deleted=5, execution_time_ms=1000)
    runs = [
        cleanup_error(request_id="r0"),
        cleanup_summary(request_id="r0", timestamp=NOW + timedelta(minutes=2), continued=True, chain=chain),
        cleanup_summary(request_id="r9", timestamp=NOW + timedelta(minutes=9), chain=chain),
    ]
    for number, message in enumerate(runs):
        deliver(event(message.model_dump_json(), first=number), webhook, memory, alerts)

    assert (len(webhook.titles()), [title[:2] for title in alerts.titles()]) == (0, ["✅ "])


def test_every_failed_run_of_a_sequence_is_announced() -> None:
    webhook, alerts, memory = FakeWebhook(), FakeWebhook(first=1001), ContainerStore()
    chain = Chain(started_at=NOW, records_deleted=5, execution_time_ms=1000)
    for number in range(4):
        run = {"request_id": f"r{number // 2}", "timestamp": NOW + timedelta(minutes=number), "chain": chain}
        message = cleanup_error(**run) if number % 2 == 0 else cleanup_summary(**run, continued=True)
        deliver(event(message.model_dump_json(), first=number), webhook, memory, alerts)

    assert len(alerts.titles()) == 2


def health(status: str, *, region: str = "eu-west-1", number: int = 1, **more: Any) -> str:
    detail = {
        "eventArn": f"arn:aws:health:eu-west-1::event/EC2/AWS_EC2_OPERATIONAL_ISSUE/{number}",
        "service": "EC2",
        "eventTypeCategory": "issue",
        "statusCode": status,
        **more,
    }
    envelope = {"id": f"{status} {number}", "account": "1", "time": NOW.isoformat(), "region": region}
    return json.dumps({**envelope, "detail-type": "AWS Health Event", "source": "aws.health", "detail": detail})


def test_a_recovery_edits_the_post_of_its_own_incident_whatever_region_sends_it() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    backup = health("open", region="us-west-2", backupEvent="true")
    for number, text in enumerate([health("open"), backup, health("open", number=2), health("closed")]):
        deliver(event(text, first=number), webhook, memory)

    assert [title[:2] for title in webhook.titles()] == ["✅ ", "❌ "]


def test_an_event_that_got_worse_is_posted_since_an_edit_notifies_nobody() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    for number, status in enumerate(("RUNNING", "FAILED", "RUNNING", "SUCCEEDED")):
        deliver(event(execution(status, number), first=number), webhook, memory)

    assert [title[:2] for title in webhook.titles()] == ["🔹 ", "✅ "]


def execution(status: str, second: int) -> str:
    detail = {"executionArn": "arn:aws:states:eu-west-1:1:execution:m:1", "status": status}
    kind = {"detail-type": "Step Functions Execution Status Change", "source": "aws.states", "id": f"{status} {second}"}
    at = (NOW + timedelta(seconds=second)).isoformat()
    return json.dumps({**kind, "account": "1", "time": at, "detail": detail})


def test_if_two_states_have_the_same_timestamp_the_failure_wins() -> None:
    """EventBridge has whole seconds, and SNS keeps no order."""
    webhook, memory = FakeWebhook(), ContainerStore()
    for number, status in enumerate(("FAILED", "RUNNING")):
        deliver(event(execution(status, 0), first=number), webhook, memory)

    assert [title[:2] for title in webhook.titles()] == ["❌ ", "🔹 "]
    assert "arrived late" in webhook.titles()[1]


def test_a_second_failure_is_announced_again() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    for number, status in enumerate(("FAILED", "RUNNING", "FAILED")):
        deliver(event(execution(status, number), first=number), webhook, memory)

    assert len(webhook.posts) == 2


def test_each_page_of_a_health_message_is_posted_separately() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    for page in ("1", "2"):
        deliver(event(health("open", page=page), first=int(page)), webhook, memory)

    assert len(webhook.titles()) == 2


def test_an_event_that_two_rules_sent_is_posted_once() -> None:
    webhook, store = FakeWebhook(), ContainerStore()
    text = json.dumps(
        {"id": "1", "detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": {"group": "x"}}
    )
    another = text.replace('"1"', '"2"')

    deliver(event(text, text, another), webhook, store)

    assert len(webhook.titles()) == 2


def test_what_arrives_late_changes_nothing_that_is_newer() -> None:
    """SNS keeps no order: the alarm comes after its resolution."""
    webhook, memory = FakeWebhook(), ContainerStore()
    resolved = alarm_text(NewStateValue="OK", StateChangeTime="2026-11-01T05:17:30.000+0000")

    deliver(event(resolved), webhook, memory)
    deliver(event(alarm_text(), first=1), webhook, memory)
    deliver(event(alarm_text(StateChangeTime="2026-11-02T04:05:00.000+0000"), first=2), webhook, memory)

    assert webhook.edits == []
    assert [title[:2] for title in webhook.titles()] == ["✅ ", "🔹 ", "❌ "]
    assert webhook.titles()[1].endswith("[arrived late]")


def test_an_alarm_that_temporarily_has_no_data_stays_one_post() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    for number, state in enumerate(("ALARM", "INSUFFICIENT_DATA", "ALARM", "OK")):
        text = alarm_text(NewStateValue=state, StateChangeTime=f"2026-11-01T0{number}:00:00.000+0000")
        deliver(event(text, first=number), webhook, memory)

    assert len(webhook.posts) == 1
    assert webhook.titles()[0].startswith("✅ Resolved")


def test_a_post_that_is_gone_is_posted_anew() -> None:
    webhook, memory = FakeWebhook(), ContainerStore()
    deliver(event(alarm_text()), webhook, memory)
    webhook.posts = {"7": webhook.posts["1"]}

    deliver(event(alarm_text(NewStateValue="OK"), first=1), webhook, memory)

    assert len(webhook.posts) == 2


def test_losing_the_post_store_costs_only_a_second_post() -> None:
    webhook = FakeWebhook()
    deliver(event(alarm_text()), webhook, ContainerStore())

    deliver(event(alarm_text(NewStateValue="OK"), first=1), webhook, ContainerStore())

    assert [title[:2] for title in webhook.titles()] == ["❌ ", "✅ "]


def test_alerts_are_posted_to_the_alerts_webhook() -> None:
    webhook, alerts = FakeWebhook(), FakeWebhook()
    another = cleanup_summary(request_id="another run").model_dump_json()
    messages = (
        stats_summary(request_id="a run").model_dump_json(),
        cleanup_error().model_dump_json(),
        alarm_text(),
        another,
        "text",
    )

    deliver(event(*messages), webhook, ContainerStore(), alerts)

    assert len(webhook.titles()) == 3
    assert [title.split()[0] for title in alerts.titles()] == ["❌", "❌"]


@pytest.mark.parametrize("ends_well", [True, False])
def test_an_event_that_lambda_tries_again_keeps_one_post(*, ends_well: bool) -> None:
    """Three attempts have the same request id; an error that recurs is posted once."""
    webhook, store = FakeWebhook(), ContainerStore()
    attempts = [cleanup_error(timestamp=NOW + timedelta(minutes=n)).model_dump_json() for n in range(2)]
    last = cleanup_summary if ends_well else cleanup_error
    for number, text in enumerate([*attempts, last(timestamp=NOW + timedelta(minutes=5)).model_dump_json()]):
        deliver(event(text, first=number), webhook, store)

    assert len(webhook.titles()) == 1
    assert webhook.titles()[0][:2] == ("✅ " if ends_well else "❌ ")


def test_a_message_that_a_job_published_twice_is_posted_once() -> None:
    """SNS's answer to the first publish call was lost.

    So the job published the message again, and SNS gives it another id.
    """
    webhook, store, text = FakeWebhook(), ContainerStore(), stats_summary().model_dump_json()

    deliver(event(text, text), webhook, store)
    deliver(event(text, first=2), webhook, store)

    assert len(webhook.titles()) == 1


@pytest.mark.parametrize(
    "stored", [{"post": "x"}, {"post": ""}, {"post": "7", "at": "soon"}, {"post": "7", "at": "9999"}, {"since": "7"}]
)
def test_a_garbled_post_store_entry_loses_none_of_the_incidents_messages(stored: dict[str, str]) -> None:
    webhook, store = FakeWebhook(), ContainerStore()
    deliver(event(alarm_text()), webhook, store)
    (incident,) = (key for key in store.entries if key.startswith("incident "))
    store.put(incident, {**store.entries[incident], **stored})

    for number, state in enumerate(("OK", "ALARM"), start=1):
        deliver(event(alarm_text(NewStateValue=state), first=number), webhook, store)

    assert len(webhook.titles()) + len(webhook.edits) >= 3


def test_what_is_wrong_with_the_time_zone_is_said_in_the_message() -> None:
    webhook = FakeWebhook()
    told = "DISCORD_TIMEZONE is not an IANA time zone: times are UTC"
    Delivery(
        webhook=cast("Webhook", webhook),
        alerts=cast("Webhook", webhook),
        store=ContainerStore(),
        zone=ZoneInfo("UTC"),
        deadline=Deadline(time.monotonic() + 60),
        note=told,
    ).deliver(parse_event(event("text", cleanup_summary().model_dump_json())))

    footers = [embed["footer"]["text"] for payload in webhook.posts.values() for embed in payload.body["embeds"]]
    where = "123456789012 · ap-northeast-1"
    assert footers == [f"{where} · {told}", f"joytify-playback-data-cleanup · {where} · {told}"]


class BrokenTable:
    """A DynamoDB that refuses every call."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_item(self, **_: Any) -> Any:
        raise self.error

    put_item = get_item


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetItem"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
    ],
    ids=["no table", "unreachable"],
)
def test_an_unavailable_post_store_loses_no_message(error: Exception) -> None:
    webhook = FakeWebhook()

    deliver(event(alarm_text(), "text"), webhook, TableStore(cast("DynamoDBClient", BrokenTable(error)), "table"))

    assert len(webhook.titles()) == 2


def test_the_number_of_entries_in_the_containers_post_store_is_limited() -> None:
    memory = ContainerStore()
    for number in range(MAX_ENTRIES + 5):
        memory.put(str(number), {"post": "1"})

    assert len(memory.entries) == MAX_ENTRIES
    assert memory.get("0") is None
    assert memory.get(str(MAX_ENTRIES)) == {"post": "1"}


def test_without_a_table_the_container_remembers() -> None:
    assert isinstance(open_store(""), ContainerStore)
    assert isinstance(open_store("table"), TableStore)
