"""A range of time to which a run is confined, by the time in `_id`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from bson import ObjectId
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from joytify_cleanup.batches import Span

# What the four bytes of an ObjectId can hold.
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 2, 7, tzinfo=UTC)

Time = Annotated[AwareDatetime, Field(ge=FIRST, le=LAST)]


class TimeRange(BaseModel):
    """A half-open range: from a time to before another. Two that meet have no document in common.

    Attributes:
        start: the first second.
        end: the second behind the last.
    """

    model_config = ConfigDict(strict=True, frozen=True, validate_by_name=True, validate_by_alias=True)

    start: Time = Field(alias="from")
    end: Time = Field(alias="to")

    @model_validator(mode="after")
    def _is_in_order(self) -> TimeRange:
        if self.start >= self.end:
            raise ValueError("from must be before to")
        return self

    def span(self) -> Span:
        """Return the ids that were made in it; an ObjectId has whole seconds."""
        return Span(ObjectId.from_datetime(self.start), ObjectId.from_datetime(self.end))
