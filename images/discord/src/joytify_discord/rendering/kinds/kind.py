"""How one kind of event is shown: a few declarative lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from joytify_discord.notation import resource_of
from joytify_discord.rendering.severity import severity_of
from joytify_discord.rendering.style import Severity
from joytify_discord.rendering.values import first_of, get_list, get_path

# More of one value says nothing in a title or a list.
LONGEST_BLANK = 300
BLANK = re.compile(r"\{([^}:]+)(?::(\w+))?\}")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of event is shown; all paths are dotted ones in the event's detail.

    Attributes:
        title: what happened to what, with blanks `{path}`, `{path:words}` (in words), `{path:name}` (last part of an
            ARN), `{path:parent}` (its first) or `{path:code}` (an exit code); `@resources` is the event's own list.
        fields: path by the name of a field; of several, separated by `|`, the first that holds something counts.
        text: path of the text that explains it, or several.
        severity: how bad it is, by its detail; as a rule by the words in it.
        link: path of an address in the console that the event itself names.
        page: page of the console, with the same blanks, and `{region}`.
        lists: path of a list by the name of its field, and what is shown of each entry, with blanks.
        incident: what identifies the thing that may recover, with blanks; its later events edit the post of the first.
        facts: what is worked out from the detail, by the name of its field.
    """

    title: str
    fields: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    severity: Callable[[Any], Severity] = severity_of
    link: str = ""
    page: str = ""
    lists: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    incident: str = ""
    facts: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)


def fill(template: str, detail: object) -> str:
    """Return the template with its blanks filled; what is unknown leaves no gap."""
    filled = BLANK.sub(lambda match: _shown(first_of(detail, match[1]), match[2]), template)
    return re.sub(r"\s+", " ", re.sub(r"\s+(?=[:,.;])", "", filled)).strip(" :,")


def fill_address(template: str, detail: object) -> str:
    """Return a page's path with its blanks filled and quoted; empty if one of them is unknown."""
    blanks = [match for match in BLANK.finditer(template) if match[1] != "region"]
    if not all(first_of(detail, match[1]) for match in blanks):
        return ""
    return BLANK.sub(
        lambda match: (
            match[0] if match[1] == "region" else quote(_shown(first_of(detail, match[1]), match[2]), safe="")
        ),
        template,
    )


def fill_list(path: str, template: str, detail: object) -> list[str]:
    """Return the template filled for each entry of a list; `path?key=a,b` takes only entries with one of these."""
    path, _, condition = path.partition("?")
    key, _, wanted = condition.partition("=")
    entries = [entry for entry in get_list(detail, path) if not key or get_path(entry, key) in wanted.split(",")]
    return list(filter(None, (fill(template, entry) for entry in entries)))


def _shown(text: str, form: str | None) -> str:
    text = text[:LONGEST_BLANK].strip()
    match form:
        case "words":
            return words(text)
        case "code":
            return f"exit code {text}" if text else ""
        case "name":
            return resource_of(text).rpartition("/")[2]
        case "parent":
            return re.split(r"[/:]", resource_of(text))[0]
        case _:
            return text


def words(name: str) -> str:
    """Return a name of AWS in words: `UPDATE_FAILED` and `UpdateFailed` are `update failed`."""
    return re.sub(r"[_-]+|(?<=[a-z])(?=[A-Z])", " ", name).lower()
