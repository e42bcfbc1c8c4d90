"""When the database is full."""
