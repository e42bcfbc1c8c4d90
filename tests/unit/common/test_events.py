"""Any event that hypothesis generates is accepted, or refused with an error that begins with `event: `."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joytify_cleanup.event import CleanupEvent
from joytify_common.errors import ConfigError
from joytify_common.events import JobEvent, parse_event
from joytify_discord.envelopes import parse_event as parse_sns
from joytify_stats.month_end import StatsEvent

EVENTS: tuple[type[JobEvent], ...] = (StatsEvent, CleanupEvent)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN = sorted({str(field.alias) for each in EVENTS for field in each.model_fields.values()})
OBJECTS = st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=10), JSON, max_size=5)


@pytest.mark.parametrize("event_type", EVENTS)
@given(raw=JSON | OBJECTS)
def test_any_event_is_accepted_or_refused_with_a_config_error(event_type: type[JobEvent], raw: Any) -> None:
    try:
        event = parse_event(event_type, raw)
    except ConfigError:
        with pytest.raises(ConfigError, match=r"^event: "):
            parse_event(event_type, raw)
        return

    # An accepted event survives a round trip through JSON.
    again = parse_event(event_type, json.loads(json.dumps(event.payload())))
    assert again == event
    assert raw is None or set(raw) <= {str(field.alias) for field in event_type.model_fields.values()}


@pytest.mark.parametrize("event_type", EVENTS)
@given(key=st.text(min_size=1, max_size=12).filter(lambda key: key not in KNOWN))
def test_an_unknown_key_is_named(event_type: type[JobEvent], key: str) -> None:
    with pytest.raises(ConfigError, match="unknown key"):
        parse_event(event_type, {key: True})


@given(raw=JSON)
def test_discord_takes_anything(raw: Any) -> None:
    assert parse_sns(raw)
