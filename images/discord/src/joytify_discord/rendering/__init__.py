"""One module for each family of messages; all of it pure."""
