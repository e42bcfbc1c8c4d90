"""What part of a collection a run examines, and whether the time in `_id` can be trusted to say.

An ObjectId holds the second in which it was made, and no document was played or used before it was made: what is
expired lies below the `_id` of the cutoff. That fails for documents that were imported with younger ids and for ids of
another type, so an index, the ends of the `_id` index and a random sample are looked at first: all of bounded cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import json_util
from pydantic import BaseModel, ConfigDict, field_validator
from pydantic.alias_generators import to_camel

from joytify_cleanup.expired import SAMPLED_FROM_DOCUMENTS
from joytify_common.messages import ScopeName

if TYPE_CHECKING:
    from joytify_cleanup.expired import ExpiredDocuments

# Ids of another type that are looked at on either side of the ObjectIds.
OTHER_IDS = 1000
ADVICE = "an index on the date would spare that"


@dataclass(frozen=True)
class Scope:
    """What a run examines of one collection.

    Attributes:
        name: `bounded` is what was made before the cutoff, `swept` everything, `indexed` what an index on the date
            finds.
        reason: why, for people; None if that goes without saying.
        index: name of the index on the date; None without one.
    """

    name: ScopeName
    reason: str | None = None
    index: str | None = None


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
        from_text(text)
        return text


def to_text(identity: Any) -> str | None:  # noqa: ANN401 - an _id may be of any type
    """Return the `_id` as Extended JSON; None stays None."""
    if identity is None:
        return None
    return json_util.dumps(identity, json_options=json_util.CANONICAL_JSON_OPTIONS)


def from_text(text: str | None) -> Any:  # noqa: ANN401 - an _id may be of any type
    """Return what `to_text` was given."""
    return None if text is None else json_util.loads(text, json_options=json_util.CANONICAL_JSON_OPTIONS)


def choose_scope(documents: ExpiredDocuments, *, sweep: bool) -> Scope:
    """Return what a run examines.

    Args:
        documents: the collection.
        sweep: whether everything is asked for.

    Raises:
        JobError: the collection cannot be looked at.
    """
    if (index := documents.date_index()) is not None:
        return Scope("indexed", index=index)
    if sweep:
        return Scope("swept", "as asked for")
    if documents.total() <= SAMPLED_FROM_DOCUMENTS:
        # It costs as little as finding out whether it has to be.
        return Scope("swept")
    others = documents.other_ids(OTHER_IDS)
    if len(others) >= OTHER_IDS or documents.any_expired(others):
        return Scope("swept", f"not every id is an ObjectId; {ADVICE}")
    sample = documents.sample
    if sample.misplaced:
        found = f"{sample.misplaced:,} of {sample.documents:,} sampled have expired with a younger id"
        return Scope("swept", f"{found}; {ADVICE}")
    return Scope("bounded", f"none of {sample.documents:,} sampled has expired with a younger id")
