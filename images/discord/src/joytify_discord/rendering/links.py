"""Links into the AWS console of the right region and partition."""

from __future__ import annotations

import re
from urllib.parse import quote

from joytify_discord.aws_notation import REGION, Place

# Titles link only to AWS consoles, whatever URL a message contains.
CONSOLE = re.compile(r"https://(?:[\w-]+\.)*console\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/[!-~]*")
# Domains of the consoles by the beginning of the region; the consoles of isolated regions have no public domain.
CONSOLES = {"cn-": "amazonaws.cn", "us-gov-": "amazonaws-us-gov.com", "": "aws.amazon.com"}


def console_only(address: str) -> str:
    """Return the URL if it is in an AWS console, otherwise an empty string."""
    return address if CONSOLE.fullmatch(address) else ""


def page(place: Place, path: str) -> str:
    """Return the URL of a console page, with `{region}` in `path` replaced.

    Empty if the region is unknown or its console is not public.
    """
    region = place.region
    if not REGION.fullmatch(region) or "-iso" in region:
        return ""
    domain = next(domain for start, domain in CONSOLES.items() if region.startswith(start))
    return f"https://{region}.console.{domain}/{path.replace('{region}', region)}"


def log_page(place: Place, function: str, stream: str = "") -> str:
    """Return the address of a function's log stream, or of its log group; empty if region or function is unknown."""
    path = LOGS + _twice(f"/aws/lambda/{function}") + (f"/log-events/{_twice(stream)}" if stream else "")
    return page(place, path) if function else ""


LOGS = "cloudwatch/home?region={region}#logsV2:log-groups/log-group/"


def _twice(text: str) -> str:
    # The console decodes the fragment twice, and uses "$" instead of "%" in it.
    return quote(quote(text, safe=""), safe="").replace("%", "$")
