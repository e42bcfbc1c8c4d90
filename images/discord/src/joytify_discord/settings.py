"""Settings of the discord function."""

from __future__ import annotations

from joytify_common.settings import Settings


class DiscordSettings(Settings):
    """What the environment may say to the discord function: where the secret is, and how much to log."""
