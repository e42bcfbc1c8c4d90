"""`joytify preview`: show how a message would look in Discord."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast
from zoneinfo import ZoneInfo

import typer
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from joytify_cli.terminal import can_ask, console, echo_json, errors, find_zone
from joytify_common.deadline import Deadline
from joytify_discord.delivery import Delivery
from joytify_discord.envelopes import parse_event
from joytify_discord.limits import ATTACHMENT, Payload
from joytify_discord.post_store import ContainerStore
from joytify_discord.webhook import Webhook


def preview(
    file: Annotated[
        str, typer.Argument(help="File with an SNS event, an SNS message or a bare message; - for standard input")
    ] = "-",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the webhook payloads as a JSON list")] = False,
    timezone: Annotated[str, typer.Option(help="The operators' time zone, an IANA name")] = "UTC",
) -> None:
    """Show how a message would look in Discord.

    Example: joytify preview tests/messages/alarm.json --timezone Asia/Taipei
    """
    if (zone := find_zone(timezone)) is None:
        raise typer.BadParameter(f"{timezone!r} is not an IANA time zone", param_hint="--timezone")
    made = _posted(_as_event(_read(file)), zone)
    if as_json:
        echo_json([payload.message() for payload in made])
        return
    for payload in made:
        console.print(*_draw(payload, zone))


@dataclass
class _Recorder:
    """Takes the webhook's place and records what is posted."""

    payloads: list[Payload] = field(default_factory=list)

    def post(self, payload: Payload, _: Deadline) -> str:
        self.payloads.append(payload)
        return str(len(self.payloads))

    def edit(self, message: str, payload: Payload, _: Deadline) -> None:
        self.payloads[int(message) - 1] = payload


def _posted(event: object, zone: ZoneInfo) -> list[Payload]:
    """Return the messages in the channel after the event, with edits applied."""
    recorder = _Recorder()
    webhook = cast("Webhook", recorder)
    deadline = Deadline(math.inf)
    Delivery(webhook=webhook, alerts=webhook, store=ContainerStore(), zone=zone, deadline=deadline).deliver(
        parse_event(event)
    )
    return recorder.payloads


def _read(file: str) -> str:
    if file == "-" and can_ask():
        errors.print("reading the message from the terminal; Ctrl-D ends it")
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as exc:
        raise typer.BadParameter(f"{file}: {exc.strerror}", param_hint="FILE") from None
    return raw.decode(errors="replace")


def _as_event(text: str) -> object:
    """Return the SNS event in the text, or an SNS event made of the SNS message or bare message in the text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    records = value.get("Records") if isinstance(value, dict) else None
    # Event notifications of S3 have `Records` too.
    if isinstance(records, list) and all(isinstance(record, dict) and "Sns" in record for record in records):
        return value
    is_envelope = isinstance(value, dict) and {"TopicArn", "Message"} <= value.keys()
    return {"Records": [{"Sns": value if is_envelope else {"Message": text}}]}


def _draw(payload: Payload, zone: ZoneInfo) -> Iterator[RenderableType]:
    for embed in payload.body["embeds"]:
        parts: list[RenderableType] = []
        if "description" in embed:
            parts.append(Markdown(_with_times(embed["description"], zone)))
        for each in embed.get("fields", []):
            value = _plain(_with_times(each["value"], zone))
            parts.append(Text.assemble((_plain(each["name"]), "bold"), "  ", value))
        if "url" in embed:
            parts.append(Text(embed["url"], style="dim"))
        yield Panel(
            Group(*parts),
            title=Text(_plain(embed["title"])),
            title_align="left",
            subtitle=Text(embed.get("footer", {}).get("text", "")),
            subtitle_align="right",
            border_style=f"#{embed['color']:06x}",
        )
    if payload.attachment:
        yield Text(f"attached: {ATTACHMENT}, {len(payload.attachment.encode()):,} bytes", style="dim")


def _with_times(text: str, zone: ZoneInfo) -> str:
    """Return the text with Discord's timestamps formatted; Discord uses each reader's own zone."""

    def shown(mark: re.Match[str]) -> str:
        try:
            moment = datetime.fromtimestamp(int(mark[1]), zone)
        except (OverflowError, ValueError, OSError):
            return mark[0]
        return _distance(moment) if mark[2] == "R" else f"{moment:%Y-%m-%d %H:%M %Z}"

    return re.sub(r"<t:(-?\d+)(?::([a-zA-Z]))?>", shown, text)


def _distance(moment: datetime) -> str:
    hours = (moment - datetime.now(UTC)).total_seconds() / 3600
    size = f"{abs(hours) / 24:,.0f} days" if abs(hours) >= 48 else f"{abs(hours):.1f} hours"  # noqa: PLR2004 - two days
    return f"in {size}" if hours > 0 else f"{size} ago"


def _plain(text: str) -> str:
    """Return Discord's Markdown without its escaping backslashes."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", text)
