"""Generates test data, and checks the invariants of any data."""
