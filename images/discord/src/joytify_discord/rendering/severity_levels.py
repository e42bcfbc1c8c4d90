"""Severity: a colour and a symbol, so that severity is not shown by colour alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Severity:
    """How a message looks; two that look the same are equal.

    Attributes:
        reason: the rule that decided, and the word it read, for the log.
    """

    symbol: str
    color: int
    reason: str = field(default="", compare=False)

    def because(self, reason: str) -> Severity:
        """Return this severity with a reason."""
        return replace(self, reason=reason)


SUCCESS = Severity("✅", 0x2E7D32)
PARTIAL = Severity("⏳", 0xF9A825)
WARNING = Severity("⚠️", 0xEF6C00)
FAILURE = Severity("❌", 0xC62828)
INFORMATION = Severity("🔹", 0x1565C0)
