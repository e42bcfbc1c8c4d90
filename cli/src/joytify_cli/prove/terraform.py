"""Runs Terraform in a folder; the configuration is unchanged, and environment variables direct it to the local AWS."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class TerraformError(Exception):
    """Terraform failed; the text quotes its error output."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a plan would do to one resource.

    Attributes:
        address: address of the resource in the configuration.
        kind: type of the resource.
        actions: `create`, `update`, `delete`.
        attributes: names of the attributes that would change.
    """

    address: str
    kind: str
    actions: tuple[str, ...]
    attributes: frozenset[str]


@dataclass(frozen=True)
class Terraform:
    """Runs Terraform in one folder.

    Attributes:
        folder: folder of the configuration.
        environment: all environment variables of Terraform.
        variables: files of variables in the folder.
    """

    folder: Path
    environment: Mapping[str, str]
    variables: tuple[str, ...] = ()

    def init(self, *options: str) -> None:
        """Initialize the folder; `options` say where its state is."""
        self._run("init", *options)

    def apply(self, *options: str) -> int:
        """Apply the configuration and return how many resources were added."""
        output = self._run("apply", "-auto-approve", *options)
        return _count(r"Resources: (\d+) added", output)

    def destroy(self, *options: str) -> int:
        """Destroy everything and return the number of destroyed resources."""
        output = self._run("destroy", "-auto-approve", *options)
        return _count(r"Resources: (\d+) destroyed", output)

    def plan(self, *options: str) -> dict[str, Any]:
        """Return the plan as Terraform's own JSON."""
        self._run("plan", "-out=plan", *options)
        plan: dict[str, Any] = json.loads(self._run("show", "-json", "-no-color", "plan"))
        return plan

    def output(self, name: str) -> Any:  # noqa: ANN401 - whatever the output holds
        """Return the value of an output."""
        return json.loads(self._run("output", "-json", "-no-color", name))

    def state(self) -> str:
        """Return the state's text, from wherever it is kept."""
        return self._run("state", "pull")

    def _run(self, command: str, *options: str) -> str:
        fixed_options = ["-input=false", "-no-color"] if command in {"init", "apply", "destroy", "plan"} else []
        if command in {"apply", "destroy", "plan"}:
            fixed_options += [f"-var-file={file}" for file in self.variables]
        done = subprocess.run(  # noqa: S603 - our own command lines
            ["terraform", f"-chdir={self.folder}", command, *fixed_options, *options],  # noqa: S607 - found on PATH, as in a shell
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise TerraformError(f"`terraform {command}` in {self.folder}: {done.stderr.strip()}")
        return done.stdout


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """Return the changes in a plan (Terraform's JSON), without no-ops and reads."""
    return [
        Change(
            address=resource["address"],
            kind=resource["type"],
            actions=tuple(resource["change"]["actions"]),
            attributes=_attributes(resource["change"]),
        )
        for resource in plan["resource_changes"]
        if resource["change"]["actions"] not in (["no-op"], ["read"])
    ]


def _attributes(change: Mapping[str, Any]) -> frozenset[str]:
    before, after = change["before"] or {}, change["after"] or {}
    unknown = {name for name, value in change["after_unknown"].items() if value}
    return frozenset(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)) | unknown


def _count(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0
