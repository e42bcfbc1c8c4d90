"""Settings of the discord function."""

from __future__ import annotations

from pydantic import Field

from joytify_common.settings import Settings

# Messages may arrive in bursts, so the secret is cached for this long.
CACHE_MINUTES = 5


class DiscordSettings(Settings):
    """Settings that the discord function reads from the environment."""

    discord_memory_table: str = Field(
        "",
        pattern=r"^$|^[A-Za-z0-9_.-]{3,255}$",
        title="Table that records the posts, so that no message is posted twice and an incident has one post.",
        description="name of a DynamoDB table, or empty to keep the record of posts in the container only",
    )
