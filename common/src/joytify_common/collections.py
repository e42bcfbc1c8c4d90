"""The names of the collections, in production and in test mode."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class CollectionNames:
    """The collections that the pipeline uses; it owns `deliveries`, and the app owns the others."""

    users: str
    stats: str
    playbacks: str
    sessions: str
    notifications: str
    deliveries: str

    @property
    def musicians(self) -> str:
        """The collection with the artists' names, which the pipeline only reads."""
        return self.users.removesuffix("users") + "musicians"


PRODUCTION = CollectionNames(
    users="users",
    stats="stats",
    playbacks="playbacks",
    sessions="sessions",
    notifications="notifications",
    deliveries="pipelineDeliveries",
)
TEST = CollectionNames(**{kind: f"test-{name}" for kind, name in asdict(PRODUCTION).items()})


def collection_names(*, test_mode: bool) -> CollectionNames:
    """Return the set that a run works on; a test-mode run never touches production."""
    return TEST if test_mode else PRODUCTION
