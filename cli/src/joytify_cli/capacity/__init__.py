"""The commands `capacity` and `scale`: when the database is full, and what cleanup costs."""
