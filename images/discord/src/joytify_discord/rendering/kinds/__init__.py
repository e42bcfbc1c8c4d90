"""Kinds of EventBridge events, with one module per family."""
