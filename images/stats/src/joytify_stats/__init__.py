"""Notifies every listener once that last month's statistics are ready."""
