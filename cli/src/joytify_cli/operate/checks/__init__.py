"""What `joytify doctor` looks at."""
