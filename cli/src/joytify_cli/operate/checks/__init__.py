"""The checks of `joytify doctor`."""
