"""Writes the tables of variables and outputs into Terraform's README files (`make docs`); a test finds stale ones.

terraform-docs is not used, since pip cannot install it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).parents[1] / "terraform"
FOLDERS = (ROOT, ROOT / "bootstrap", ROOT / "modules" / "function")
BEGIN, END = "<!-- Tables by `make docs` -->", "<!-- End of the tables -->"


@dataclass(frozen=True)
class Variable:
    """A variable block; `default` is HCL text, or None if the variable has no default."""

    name: str
    description: str
    type: str
    default: str | None
    validations: tuple[str, ...]

    @property
    def value(self) -> object:
        """The default as a value: text, number or boolean."""
        return None if self.default is None else json.loads(self.default)

    @property
    def shown_default(self) -> str:
        """The default as a table shows it."""
        return "**required**" if self.default is None else f"`{self.default}`"


def variables(folder: Path) -> list[Variable]:
    """Return the folder's variables in the order in which they stand."""
    return [
        Variable(
            name=name,
            description=_text(block["description"]),
            type=str(block["type"]).removeprefix("${").removesuffix("}"),
            default=_hcl(block["default"]) if "default" in block else None,
            validations=tuple(_text(validation["error_message"]) for validation in block.get("validation", [])),
        )
        for name, block in _blocks(folder, "variable")
    ]


def outputs(folder: Path) -> list[tuple[str, str]]:
    """Return name and description of the folder's outputs."""
    return [(name, _text(block["description"])) for name, block in _blocks(folder, "output")]


def document(folder: Path) -> str:
    """Return the text that belongs between the marks in the folder's README."""
    rows = [
        "## Variables",
        "",
        "| name | description | type | default |",
        "|---|---|---|---|",
        *(f"| `{v.name}` | {v.description} | `{v.type}` | {v.shown_default} |" for v in variables(folder)),
        "",
        "## Outputs",
        "",
        "| name | description |",
        "|---|---|",
        *(f"| `{name}` | {description} |" for name, description in outputs(folder)),
    ]
    return "\n".join(rows) + "\n"


def written(folder: Path) -> str:
    """Return the text that is between the marks in the folder's README now."""
    return (folder / "README.md").read_text(encoding="utf-8").partition(BEGIN + "\n")[2].partition(END)[0]


def _blocks(folder: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.glob("*.tf")):
        for block in hcl2.loads(file.read_text(encoding="utf-8")).get(kind, []):
            for name, body in block.items():
                yield str(name).strip('"'), body


def _text(value: str) -> str:
    return str(ast.literal_eval(value))


def _hcl(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def main() -> None:
    """Write every table."""
    for folder in FOLDERS:
        readme = folder / "README.md"
        before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
        readme.write_text(f"{before}{BEGIN}\n{document(folder)}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
