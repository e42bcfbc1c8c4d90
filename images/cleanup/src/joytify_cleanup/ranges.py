"""A range of time to which a run is confined, by the time in `_id`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Annotated

from bson import ObjectId
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from joytify_cleanup.batches import Span

# What the four bytes of an ObjectId can hold.
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 2, 7, tzinfo=UTC)

SECOND = timedelta(seconds=1)

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

    def parts(self, count: int) -> list[TimeRange]:
        """Return it in so many parts of the same length, or fewer: each has at least a second."""
        length = self.end - self.start
        count = max(1, min(count, ceil(length / SECOND)))
        starts = [(self.start + length * number / count).replace(microsecond=0) for number in range(1, count)]
        return [TimeRange(start=start, end=end) for start, end in pairwise([self.start, *starts, self.end])]

    def span(self) -> Span:
        """Return the ids that were made in it; an ObjectId has whole seconds."""
        return Span(ObjectId.from_datetime(self.start), ObjectId.from_datetime(self.end))
