"""Delete documents that are older than the retention period."""
