"""Kinds of EventBridge events, one module for each family."""
