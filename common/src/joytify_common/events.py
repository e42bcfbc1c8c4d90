"""The event that starts a scheduled function: its keys, strictly typed."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from joytify_common.errors import ConfigError
from joytify_common.secrets import ScheduleMode

# A run that does not finish in time invokes the function again (a continuation). Lambda stops such a loop after about
# 16 invocations; the first run and 14 continuations are 15.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
MAX_CONTINUATIONS = 14

EventT = TypeVar("EventT", bound="JobEvent")


def flag(title: str) -> Any:  # noqa: ANN401 - as pydantic's own Field
    """Return a key that is false by default."""
    return Field(default=False, title=title, description="true or false")


class JobEvent(BaseModel):
    """Keys that both scheduled functions accept; an unknown key is an error: it may be misspelt."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_alias=True, strict=True, frozen=True, extra="forbid"
    )

    # If one of these keys is true, the outcome is returned to the caller and not published.
    FOR_CALLER_ONLY: ClassVar[tuple[str, ...]] = ()

    test_mode: bool = flag("Works on the test collections.")
    dry_run: bool = flag("Counts and reports, and writes nothing.")
    triggered_by: str = Field(
        default="manual",
        max_length=100,
        title="Name of the caller, shown in cleanup's report; stats ignores this key.",
        description="text of at most 100 characters",
    )
    schedule_mode: ScheduleMode | None = Field(
        default=None,
        title="Skips the run unless SCHEDULE_MODE in the secret has this value; the schedules set this key.",
        description="production or test_auto",
    )
    continuation: int = Field(
        default=0,
        ge=0,
        title="Number of runs in the sequence before this run; 0 for the first run. Set by the previous run.",
        description="0 or more",
    )
    heartbeat: bool = flag("Only reports how long ago the last success was.")
    self_test: bool = flag(
        "Only checks that the secret can be read and that the services respond; no data is read or written."
    )

    @classmethod
    def is_for_caller_only(cls, raw: object) -> bool:
        """Return whether the outcome of this event is for the caller only; the event may be invalid."""
        return isinstance(raw, dict) and any(raw.get(key) is True for key in cls.FOR_CALLER_ONLY)

    def payload(self) -> dict[str, Any]:
        """Return the event as JSON-compatible values, to invoke a function with them."""
        keys = self.model_dump(mode="json", by_alias=True)
        return {key: value for key, value in keys.items() if value is not None}

    def following(self, **changes: Any) -> Self:  # noqa: ANN401 - keys of the event
        """Return the event of the run that continues this one, with these keys changed; it is never skipped.

        Raises:
            ConfigError: the event would not be valid.
        """
        keys = {**self.payload(), "scheduleMode": None, "continuation": self.continuation + 1, **changes}
        return parse_event(type(self), keys)

    def runs_in_test_mode(self, schedule_mode: ScheduleMode) -> bool:
        """Return whether the run works on the test collections, given the secret's SCHEDULE_MODE."""
        return self.test_mode or schedule_mode == "test_auto"

    def skip_reason(self, schedule_mode: ScheduleMode) -> str | None:
        """Return why this event is skipped under the secret's SCHEDULE_MODE; None if it is not."""
        if self.schedule_mode is None or self.schedule_mode == schedule_mode:
            return None
        return f"the schedule is for {self.schedule_mode}, but SCHEDULE_MODE is {schedule_mode}"


def parse_event(event_type: type[EventT], raw: object) -> EventT:
    """Return the event with its types checked.

    Raises:
        ConfigError: a key is unknown or has a wrong value; the message names each such key and its allowed values.
    """
    try:
        # Parse JSON rather than Python values: in JSON, strict mode accepts a time as text.
        return event_type.model_validate_json(json.dumps({} if raw is None else raw))
    except ValidationError as exc:
        raise ConfigError("event: " + "; ".join(_fault(event_type, error) for error in exc.errors())) from None


def _fault(event_type: type[JobEvent], error: ErrorDetails) -> str:
    """Return one problem as text, with its key and what is allowed."""
    problem = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return problem if error["type"] == "value_error" else "it must be a JSON object"
    key, place = str(error["loc"][0]), ".".join(map(str, error["loc"]))
    allowed = {str(field.alias): field.description for field in event_type.model_fields.values()}
    if key not in allowed:
        near = get_close_matches(key.replace("_", "").lower(), [each.lower() for each in allowed], 1)
        meant = [each for each in allowed if each.lower() in near]
        return f"{key}: unknown key; {f'did you mean {meant[0]}?' if meant else 'known keys: ' + ', '.join(allowed)}"
    # The message of one of our own validators already says what is wrong with the value.
    return f"{place}: {problem}" + ("" if error["type"] == "value_error" else f" (allowed: {allowed[key]})")
