"""How one kind of event is shown: a few declarative lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from joytify_discord.aws_notation import resource_of
from joytify_discord.embed import Severity
from joytify_discord.rendering.json_values import first_of, get_list, get_path
from joytify_discord.rendering.severity import severity_of

# Maximum length of a value in a title or a list.
MAX_VALUE = 300
PLACEHOLDER = re.compile(r"\{(?!region\})([^}:]+)(?::(\w+))?\}")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of event is shown; all paths are dotted paths in the event's detail.

    Attributes:
        title: title with placeholders `{path}`, `{path:words}` (in words), `{path:name}` (last part
            of an ARN), `{path:parent}` (first part of the resource in an ARN, such as the cluster of an
            ECS service) or `{path:code}` (an exit code); `@resources` is the event's list of resources.
        fields: path by name of the field; if there are several paths, separated by `|`, the first path with a value is
            used.
        text: path of the explanation, or several paths.
        severity: returns the severity for the detail; by default from the words in it.
        link: path of a console URL in the event.
        page: console page with the same placeholders, and `{region}`.
        lists: path of a list and template for its entries, by name of the field.
        incident: template for the name of the incident; later events of an incident edit its post.
        facts: functions that compute a value from the detail, by name of the field.
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
    """Return the template with its placeholders filled; an unknown value leaves no gap."""
    filled = PLACEHOLDER.sub(lambda match: _shown(first_of(detail, match[1]), match[2]), template)
    return re.sub(r"\s+", " ", re.sub(r"\s+(?=[:,.;])", "", filled)).strip(" :,")


def fill_address(template: str, detail: object) -> str:
    """Return a page's path with its placeholders filled and quoted; empty if a value is unknown."""
    if not all(first_of(detail, match[1]) for match in PLACEHOLDER.finditer(template)):
        return ""
    return PLACEHOLDER.sub(lambda match: quote(_shown(first_of(detail, match[1]), match[2]), safe=""), template)


def fill_list(path: str, template: str, detail: object) -> list[str]:
    """Return the template filled for each entry of a list; `path?key=a,b` selects entries."""
    path, _, condition = path.partition("?")
    key, _, wanted = condition.partition("=")
    entries = [entry for entry in get_list(detail, path) if not key or get_path(entry, key) in wanted.split(",")]
    return list(filter(None, (fill(template, entry) for entry in entries)))


def _shown(text: str, form: str | None) -> str:
    text = text[:MAX_VALUE].strip()
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
    """Return an AWS name in words: `UPDATE_FAILED` and `UpdateFailed` are `update failed`."""
    return re.sub(r"[_-]+|(?<=[a-z])(?=[A-Z])", " ", name).lower()
