"""The `joytify` command, for operators and developers."""
