"""How it is decided what a run examines of a collection, and how far a sequence of runs is in it.

An ObjectId holds the second in which it was made, and no document was played or used before it was made: one whose
`_id` was made after the cutoff has not expired. That fails for documents that were imported with new ids, so a random
sample shows first whether it can be trusted; an index on the date makes it needless.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from bson import json_util
from bson.errors import BSONError
from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.alias_generators import to_camel

from joytify_cleanup.batches import Scope
from joytify_cleanup.survey import SAMPLED_FROM_DOCUMENTS
from joytify_common.messages import ScopeName

if TYPE_CHECKING:
    from joytify_cleanup.expired import ExpiredDocuments

ADVICE = "an index on the date would spare that"
EXTENDED_JSON = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True, tzinfo=UTC)


class Position(BaseModel):
    """How far a sequence of runs is in one collection; it travels in the event of a continuation.

    Attributes:
        scope: what is examined.
        reason: why, for people.
        resume: `_id` from which on the collection is not processed yet, as Extended JSON; None for the beginning.
        undated: documents without a date that were met so far.
        done: whether nothing is left to do.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, strict=True, frozen=True
    )

    scope: ScopeName
    reason: str | None = None
    resume: str | None = None
    undated: int = 0
    done: bool = False

    @field_validator("resume")
    @classmethod
    def _is_readable(cls, text: str | None) -> str | None:
        try:
            from_text(text)
        except (BSONError, TypeError) as exc:
            raise ValueError("resume is not the Extended JSON of an _id") from exc
        return text


def to_text(identity: Any) -> str | None:  # noqa: ANN401 - an _id may be of any type
    """Return the `_id` as Extended JSON; None stays None."""
    return None if identity is None else json_util.dumps(identity, json_options=EXTENDED_JSON)


def from_text(text: str | None) -> Any:  # noqa: ANN401 - an _id may be of any type
    """Return what `to_text` was given."""
    return None if text is None else json_util.loads(text, json_options=EXTENDED_JSON)


def choose_scope(documents: ExpiredDocuments, *, sweep: bool) -> Scope:
    """Return what a run examines.

    Args:
        documents: the collection.
        sweep: whether a sweep is asked for; what an index on the date finds is everything anyway.

    Raises:
        JobError: the collection is unavailable.
    """
    if (index := documents.date_index()) is not None:
        return Scope("indexed", index=index)
    if sweep:
        return Scope("swept", "as asked for")
    if documents.total() <= SAMPLED_FROM_DOCUMENTS:
        # It costs as little as finding out whether it has to be.
        return Scope("swept")
    if (sample := documents.sample()) is None:
        # The next run looks again, and what is asked for once a month examines everything.
        return Scope("bounded", "no random sample could be drawn in time to tell whether that is enough")
    if sample.misplaced:
        found = f"{sample.misplaced:,} of {sample.documents:,} sampled have expired with a younger id"
        return Scope("swept", f"{found}; {ADVICE}")
    return Scope("bounded", f"none of {sample.documents:,} sampled has expired with a younger id")
