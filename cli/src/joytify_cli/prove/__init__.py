"""The month end on a local stack, checked."""
