"""Notify every entitled user once that last month's statistics are ready."""
