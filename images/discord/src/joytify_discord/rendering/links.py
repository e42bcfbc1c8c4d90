"""Links into the AWS console of the right partition."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from joytify_discord.parsing import Origin

CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com",
    "aws-cn": "https://{region}.console.amazonaws.cn",
    "aws-us-gov": "https://{region}.console.amazonaws-us-gov.com",
}


def log_stream_link(origin: Origin, function: str, stream: str) -> str:
    """Return the address of a function's log stream; empty if region or stream is unknown."""
    if not stream:
        return ""
    group = _twice(f"/aws/lambda/{function}")
    return _console(origin, f"#logsV2:log-groups/log-group/{group}/log-events/{_twice(stream)}")


def alarm_link(origin: Origin, name: str) -> str:
    """Return the address of an alarm; empty if the region is unknown."""
    return _console(origin, f"#alarmsV2:alarm/{quote(name, safe='')}")


def function_link(origin: Origin, name: str) -> str:
    """Return the address of a function's log group; empty if region or name is unknown."""
    return _console(origin, f"#logsV2:log-groups/log-group/{_twice(f'/aws/lambda/{name}')}") if name else ""


def _console(origin: Origin, fragment: str) -> str:
    if not origin.region or origin.partition not in CONSOLES:
        return ""
    return f"{CONSOLES[origin.partition].format(region=origin.region)}/cloudwatch/home?region={origin.region}{fragment}"


def _twice(text: str) -> str:
    # The console decodes the fragment twice, and writes "$" for the second "%".
    return quote(quote(text, safe=""), safe="").replace("%", "$")
