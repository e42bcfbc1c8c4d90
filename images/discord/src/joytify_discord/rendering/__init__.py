"""Render messages, with one module per family of messages; all functions are pure."""
