"""Severity: a colour and a symbol, so that severity is not shown by colour alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Severity:
    """How a message looks."""

    symbol: str
    color: int


SUCCESS = Severity("✅", 0x2E7D32)
PARTIAL = Severity("⏳", 0xF9A825)
WARNING = Severity("⚠️", 0xEF6C00)
FAILURE = Severity("❌", 0xC62828)
INFORMATION = Severity("🔹", 0x1565C0)
