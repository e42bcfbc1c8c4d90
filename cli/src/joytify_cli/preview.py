"""`joytify preview`: what Discord would get for a message."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from joytify_discord.limits import ATTACHMENT, payloads
from joytify_discord.parsing import parse_event
from joytify_discord.rendering.dispatch import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from joytify_discord.limits import Payload

console = Console()


def preview(
    file: Annotated[str, typer.Argument(help="An SNS event, an SNS message, or a bare message; - reads it")] = "-",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the webhook payloads as a JSON list")] = False,
    timezone: Annotated[str, typer.Option(help="The operators' time zone, an IANA name")] = "UTC",
) -> None:
    """Show what Discord would get for a message."""
    try:
        zone = ZoneInfo(timezone)
    except (ValueError, OSError, KeyError):
        raise typer.BadParameter(f"{timezone!r} is no IANA time zone", param_hint="--timezone") from None
    made = list(payloads([render(received, zone) for received in parse_event(_as_event(_read(file)))]))
    if as_json:
        typer.echo(json.dumps([payload.message() for payload in made], indent=2, ensure_ascii=False))
        return
    for payload in made:
        console.print(*_draw(payload))


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as exc:
        raise typer.BadParameter(f"{file}: {exc.strerror}", param_hint="FILE") from None
    return raw.decode(errors="replace")


def _as_event(text: str) -> Any:  # noqa: ANN401 - whatever JSON was given
    """Return the SNS event in the text, or one that carries it as its message."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and isinstance(value.get("Records"), list):
        return value
    is_envelope = isinstance(value, dict) and {"TopicArn", "Message"} <= value.keys()
    return {"Records": [{"Sns": value if is_envelope else {"Message": text}}]}


def _draw(payload: Payload) -> Iterator[RenderableType]:
    for embed in payload.body["embeds"]:
        fields = (
            Text.assemble((_plain(field["name"]), "bold"), "  ", _plain(field["value"]))
            for field in embed.get("fields", [])
        )
        parts: list[RenderableType] = [Markdown(embed["description"])] if "description" in embed else []
        parts += [*fields, Text(embed.get("url", ""), style="dim")]
        yield Panel(
            Group(*parts),
            title=_plain(embed["title"]),
            title_align="left",
            subtitle=embed.get("footer", {}).get("text", ""),
            subtitle_align="right",
            border_style=f"#{embed['color']:06x}",
        )
    if payload.attachment:
        yield Text(f"attached: {ATTACHMENT}, {len(payload.attachment.encode()):,} bytes", style="dim")


def _plain(text: str) -> str:
    """Return Discord's Markdown without the backslashes that keep it from being mark-up."""
    return "".join(part.replace("\\", "") for part in text.split("\\\\"))
