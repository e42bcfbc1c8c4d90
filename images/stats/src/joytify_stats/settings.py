"""Settings of the stats function."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from joytify_common.settings import JobSettings, between


class StatsSettings(JobSettings):
    """Settings that the stats function reads from the environment."""

    cleanup_function_name: str = Field(
        "joytify-playback-data-cleanup",
        min_length=1,
        max_length=140,
        title="The cleanup function, which the stats function starts after it has notified all users.",
        description="name or ARN of the cleanup function",
    )
    cleanup_state_machine_arn: str = Field(
        "",
        pattern=r"^$|^arn:[^:]+:states:[^:]+:[0-9]{12}:stateMachine:.+$",
        max_length=256,
        title="State machine that stats starts instead of the function, if cleanup is divided among workers.",
        description="ARN of the state machine that divides cleanup among workers, or empty to invoke the function",
    )
    # 3,500 ids are 94.5 kB of JSON; the backend accepts at most 100 kB.
    backend_push_size: int = between(
        1, 3500, "users", default=1000, title="Maximum number of users per push to the backend."
    )
    read_preference: Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"] = Field(
        "primary",
        title=(
            "Members of the replica set from which stats reads the ids of the users with statistics; all "
            "other reads go to the primary."
        ),
        description="primary, primaryPreferred, secondary, secondaryPreferred or nearest",
    )
