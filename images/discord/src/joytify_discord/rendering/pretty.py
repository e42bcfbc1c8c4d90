"""Pretty-print JSON."""

from __future__ import annotations

import json

# 256 KiB of brackets, which SNS accepts, would be indented by gigabytes of spaces.
MAX_NESTED = 24


def pretty(value: object) -> str:
    """Return the value as indented JSON, on one line if it is nested too deeply."""
    try:
        is_flat = _depth(value) <= MAX_NESTED
        return json.dumps(value, indent=2 if is_flat else None, ensure_ascii=False)
    except RecursionError:
        return "JSON that is nested too deeply to be shown"


def _depth(value: object) -> int:
    """Return the nesting depth of a value; stop counting above `MAX_NESTED`."""
    level, depth = [value], 0
    while level and depth <= MAX_NESTED:
        inner = (each.values() if isinstance(each, dict) else each if isinstance(each, list) else () for each in level)
        level, depth = [each for some in inner for each in some if isinstance(each, (dict, list))], depth + 1
    return depth
