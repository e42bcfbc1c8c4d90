"""Notify every entitled user, only once, that last month's statistics are ready."""
