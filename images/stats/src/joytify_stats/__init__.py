"""Tells every listener, exactly once, that last month's statistics are ready."""
