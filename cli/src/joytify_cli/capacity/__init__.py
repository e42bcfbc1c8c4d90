"""The commands `capacity` and `scale`: forecast when the database will be full, and estimate the cost of cleanup."""
