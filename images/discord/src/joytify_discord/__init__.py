"""Notify operators in Discord of runs, failures and alarms."""
